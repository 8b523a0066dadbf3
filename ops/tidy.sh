#!/usr/bin/env bash
# clang-tidy on one C file, unless it was found clean before as it is, with its headers and the rules:
#
#   ops/tidy.sh CACHE FILE FLAGS...
#
# CACHE is a folder; it may be removed at any time. Prints what clang-tidy says, and fails when it says anything.
set -euo pipefail
cache=$1 file=$2
shift 2
# what the compiler sees; the rest is what a comment may tell clang-tidy (NOLINT), and the rules
seen=$({ clang-tidy --version; cat .clang-tidy "$file"; clang "$@" -E "$file"; } | sha256sum)
clean=$cache/${seen%% *}
[ -e "$clean" ] && exit
clang-tidy --quiet "$file" -- "$@" 2>/dev/null || exit 1
mkdir -p "$cache"
: >"$clean"
