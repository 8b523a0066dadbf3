# assemble.awk: scripts with their includes -> rows of a C table {name, text, sha}.
# A line `--- include name` is replaced by include/name.lua, whole. Includes do not nest.

function c_string(line) {
    gsub(/\\/, "&&", line)
    gsub(/"/, "\\\\&", line)
    return "    \"" line "\\n\"\n"
}

# Comments are left out but the first line and the script's name: they would only be sent to the server and kept there.
function emit(line) {
    if (line ~ /^[ \t]*--/ || line ~ /^[ \t]*$/)
        return
    printf "%s", c_string(line)
}

FNR == 1 {
    if (open_row)
        print "    , \"\"},"
    open_row = 1
    dir = FILENAME
    sub(/\/[^\/]*$/, "", dir)
    name = FILENAME
    sub(/^.*\//, "", name)
    sub(/\.lua$/, "", name)
    printf "    {\"%s\",\n", name
    if ($0 !~ /^#!lua/) {
        print FILENAME ": the first line must be #!lua" > "/dev/stderr"
        failed = 1
        exit 1
    }
    printf "%s", c_string($0)
    printf "%s", c_string("-- " name)
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
    if (open_row && !failed)
        print "    , \"\"},"
    exit failed
}
