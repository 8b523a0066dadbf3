# embed.awk: turns sql/queries/*.sql and sql/migrations/*.sql into C tables.
#
# A query file is a list of blocks, each headed by
#     -- name: finish_run :one
# with kind one, maybe, many, exec or copy. The text runs to the next header. A migration file is named
# NNNN_name.sql and carries a line `-- breaking: yes` or `-- breaking: no`.
#
# Comments are `--` to the end of the line and are dropped; `--` inside a quoted string must be on the same line
# as the opening quote. The output is rows for macros that the including file defines:
#     SQL_QUERY(name, kind, number of parameters, text)          sorted by name
#     SQL_MIGRATION(version, name, breaking, text)               sorted by version (the order of the files)
# Anything doubtful stops the build with file and line.

function fail(message) {
    printf "%s:%d: %s\n", FILENAME, FNR, message > "/dev/stderr"
    failed = 1
    exit 1
}

# the line without its comment: the first -- that is not inside quotes
function strip(line,    at, from, before, quotes) {
    from = 1
    while ((at = index(substr(line, from), "--")) > 0) {
        before = substr(line, 1, from + at - 2)
        quotes = gsub(/'/, "'", before)
        if (quotes % 2 == 0) {
            line = substr(line, 1, from + at - 2)
            break
        }
        from += at + 1
    }
    sub(/[ \t\r]+$/, "", line)
    return line
}

function c_string(text) {
    gsub(/\\/, "&&", text) # the backslash twice; awks differ on how to write that otherwise
    gsub(/"/, "\\\"", text)
    gsub(/\n/, "\\n\"\n    \"", text)
    return "\"" text "\""
}

# the highest $n in text; all from $1 on must occur
function count_parameters(text,    n, high, seen, rest) {
    rest = text
    high = 0
    while (match(rest, /\$[0-9]+/)) {
        n = substr(rest, RSTART + 1, RLENGTH - 1) + 0
        seen[n] = 1
        if (n > high)
            high = n
        rest = substr(rest, RSTART + RLENGTH)
    }
    for (n = 1; n <= high; n++)
        if (!(n in seen))
            fail_at(block_file, block_line, "query " block_name " uses $" high " but not $" n)
    return high
}

function fail_at(file, line, message) {
    printf "%s:%d: %s\n", file, line, message > "/dev/stderr"
    failed = 1
    exit 1
}

function end_block(    parameters) {
    if (block_name != "") {
        sub(/\n+$/, "", block_text)
        sub(/;$/, "", block_text)
        if (block_text !~ /[^ \t\n]/)
            fail_at(block_file, block_line, "query " block_name " has no text")
        if (block_text ~ /;/ && block_text !~ /'[^']*;[^']*'/)
            fail_at(block_file, block_line, "query " block_name " is more than one statement")
        parameters = count_parameters(block_text)
        if (block_kind == "copy" && parameters > 0)
            fail_at(block_file, block_line, "query " block_name " is a copy and takes no parameters")
        names[++queries] = block_name
        row[block_name] = "SQL_QUERY(\"" block_name "\", SQL_" toupper(block_kind) ", " parameters \
                          ",\n    " c_string("/* " block_name " */ " block_text) ")"
    }
    block_name = ""
}

function end_migration() {
    if (migration == "")
        return
    if (breaking == "")
        fail_at(migration_file, 1, "a migration needs a line \"-- breaking: yes\" or \"-- breaking: no\"")
    # no sprintf: mawk's buffer is smaller than a migration
    migration_rows = migration_rows "SQL_MIGRATION(" version ", \"" migration "\", " \
                     (breaking == "yes" ? "true" : "false") ",\n    " c_string(migration_text) ")\n"
    migration = ""
}

FNR == 1 {
    end_block()
    end_migration()
    is_migration = FILENAME ~ /migrations\//
    if (is_migration) {
        file = FILENAME
        sub(/^.*\//, "", file)
        if (file !~ /^[0-9][0-9][0-9][0-9]_[a-z0-9_]+\.sql$/)
            fail("a migration is named NNNN_name.sql")
        version = substr(file, 1, 4) + 0
        if (version <= newest)
            fail("migrations come in rising order, each number once: " version " after " newest)
        newest = version
        migrations++
        migration = substr(file, 6, length(file) - 9)
        migration_file = FILENAME
        migration_text = ""
        breaking = ""
    }
}

is_migration {
    if ($0 ~ /^-- breaking: (yes|no)$/)
        breaking = $3
    line = strip($0)
    if (line != "")
        migration_text = migration_text line "\n"
    next
}

/^--[ \t]*name[ \t]*:/ {
    end_block()
    if ($0 !~ /^-- name: [a-z][a-z0-9_]* :[a-z]+$/)
        fail("a block is headed by \"-- name: some_name :kind\"")
    block_name = $3
    block_kind = substr($4, 2)
    block_file = FILENAME
    block_line = FNR
    block_text = ""
    if (block_kind !~ /^(one|maybe|many|exec|copy)$/)
        fail("unknown kind :" block_kind " (one, maybe, many, exec, copy)")
    if (length(block_name) > 63)
        fail("a name has at most 63 bytes")
    if (block_name in defined)
        fail("query " block_name " is already defined at " defined[block_name])
    defined[block_name] = FILENAME ":" FNR
    next
}

{
    line = strip($0)
    if (line == "")
        next
    if (block_name == "")
        fail("a statement without a \"-- name: some_name :kind\" header")
    block_text = block_text line "\n"
}

END {
    if (failed)
        exit 1
    end_block()
    end_migration()
    for (i = 2; i <= queries; i++) {
        name = names[i]
        for (j = i - 1; j >= 1 && names[j] > name; j--)
            names[j + 1] = names[j]
        names[j + 1] = name
    }
    print "/* made by sql/embed.awk */"
    print "#ifdef SQL_QUERY"
    for (i = 1; i <= queries; i++)
        print row[names[i]]
    print "#endif"
    print "#ifdef SQL_MIGRATION"
    printf "%s", migration_rows
    print "#endif"
}
