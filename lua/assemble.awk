# assemble.awk: scripts with their includes -> rows of a C table {name, text, sha}.
# A line `--- include name` is replaced by include/name.lua, whole. Includes do not nest.
#
#   awk -f lua/assemble.awk lua/*.lua                the rows
#   awk -v plain=1 -f lua/assemble.awk lua/x.lua     the text that the server gets, as it is (one script)

function put(line) {
    if (plain) {
        print line
        return
    }
    gsub(/\\/, "&&", line)
    gsub(/"/, "\\\\&", line)
    printf "    \"%s\\n\"\n", line
}

# Comments are left out but the first line and the script's name: they would only be sent to the server and kept there.
function emit(line) {
    if (line ~ /^[ \t]*--/ || line ~ /^[ \t]*$/)
        return
    put(line)
}

function close_row() {
    if (open_row && !plain)
        print "    , \"\"},"
}

FNR == 1 {
    close_row()
    open_row = 1
    dir = FILENAME
    sub(/\/[^\/]*$/, "", dir)
    name = FILENAME
    sub(/^.*\//, "", name)
    sub(/\.lua$/, "", name)
    if ($0 !~ /^#!lua/) {
        print FILENAME ": the first line must be #!lua" > "/dev/stderr"
        failed = 1
        exit 1
    }
    if (!plain)
        printf "    {\"%s\",\n", name
    put($0)
    put("-- " name)
    next
}

/^--- include / {
    path = dir "/include/" $3 ".lua"
    lines = 0
    while ((got = (getline line < path)) > 0) {
        emit(line)
        lines++
    }
    close(path)
    if (lines == 0) {
        print FILENAME ":" FNR ": cannot read " path > "/dev/stderr"
        failed = 1
        exit 1
    }
    next
}

{ emit($0) }

END {
    if (!failed)
        close_row()
    exit failed
}
