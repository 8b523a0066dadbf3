#!/usr/bin/env bash
# Builds everything and runs every suite; called by `make test`.
#
#   ONLY=pattern   only suites, test programs or tests whose name contains it; the name of a file (test_flow) runs its suite's part alone
#   BUILD=0        with what is built already
#   JOBS=n         so many tests of a suite at a time, where they do not measure; one more than processors unless told
#   CHRONOS_RUN_DIR=folder   where servers and daemons keep their data; in memory unless told, where there is room
#
# The last line is the sum: "N passed, N failed", and ", N skipped" when there were any. A suite that crashes, hangs
# or cannot be built is one failure. Succeeds only when something passed and nothing failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

only=${ONLY:-}
jobs=${JOBS:-$(($(nproc) + 1))}
python=${PYTHON:-/usr/bin/python3}
work=$(mktemp -d)
sums=$work/sums # a line for each suite or program: passed, failed, skipped, its name
lanes=()
trap 'rm -rf "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1
# Most tests have a database of their own, which is a thousand files: in memory, where there is room, they cost a fraction.
room=$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)
if [ -z "${CHRONOS_RUN_DIR:-}" ] && [ "${room:-0}" -gt $((8 << 20)) ]; then
    CHRONOS_RUN_DIR=/dev/shm/chronos-tests-$(id -u)
    export CHRONOS_RUN_DIR
fi

# count PASSED FAILED SKIPPED NAME
count()
{
    echo "$*" >>"$sums"
}

# fail_as_one NAME: something went wrong that no test counted
fail_as_one()
{
    count 0 1 0 "$1"
}

# sum_of PATTERN FILE: adds the numbers that the sed pattern's first group finds in the file
sum_of()
{
    sed -nE "s/$1/\\1/p" "$2" | awk '{n += $1} END {print n + 0}'
}

# The suites that have a file of just this name; "" when ONLY is no file's name, and any may have what it asks for.
suites_of_file()
{
    local file
    [[ $only == test_* ]] || return
    for file in tests/*/"$only".py tests/*/"$only".c; do
        [ -e "$file" ] || continue
        file=${file#tests/}
        echo "${file%%/*}"
    done
}

# is_asked SUITE...: one of them may have what ONLY asks for
is_asked()
{
    local suite
    [ -z "$named" ] && return
    for suite in "$@"; do
        grep -qxF "$suite" <<<"$named" && return
    done
    return 1
}

# Whether anything could have ONLY in its name. Names of tests are made of values, too, which may stand anywhere in the sources;
# and what is more than a word is for pytest to judge.
is_found()
{
    [[ $only =~ ^[A-Za-z0-9_]+$ ]] || return 0
    [ -n "$(find tests -not -path '*/__pycache__*' -name "*$only*" -print -quit)" ] ||
        grep -rqiF --include='*.py' --include='*.[ch]' --include='*.inc' --include='*.lua' --include='*.sql' --include='*.yml' \
            -- "$only" tests engine worker scheduler console lua sql ops
}

# run_cmocka PROGRAM
run_cmocka()
{
    local name=${1##*/} output=$work/${1##*/} status bad
    timeout --foreground -k 10 300 "$1" >"$output" 2>&1
    status=$?
    bad=$(sum_of '^\[  FAILED  \] ([0-9]+) test\(s\).*' "$output")
    # a program that counted nothing as failed and yet did not end well has crashed
    [ "$status" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
    count "$(sum_of '^\[  PASSED  \] ([0-9]+) test\(s\).*' "$output")" "$bad" \
        "$(sum_of '^\[  SKIPPED \] ([0-9]+) test\(s\).*' "$output")" "$name (status $status)"
    if [ "$bad" -eq 0 ]; then
        echo "ok      $name"
        return
    fi
    echo "FAILED  $name (status $status)"
    grep -vE '^\[( RUN      |       OK |==========)\]' "$output" | tail -n 60
}

run_unit()
{
    local program
    is_asked unit || return
    for program in build/asan/tests/unit/test_*; do
        [[ $program == *.o || $program == *.d || ! -x $program ]] && continue
        # by the name of the program, or of a test in its source
        if [[ -n $only && unit != *"$only"* && ${program##*/} != *"$only"* ]] &&
            ! grep -qsE "^static void test_\\w*$only" "tests/unit/${program##*/}.c"; then
            continue
        fi
        run_cmocka "$program"
    done
}

# run_pytest NAME ARGUMENTS... (of pytest: files, and what to select); its output is printed whole when it has ended
run_pytest()
{
    local name=$1 output="$work/$1" status summary bad select=() suites=() path
    shift
    for path in "$@"; do
        [[ $path == tests/* ]] && path=${path#tests/} && suites+=("${path%%/*}")
    done
    is_asked "${suites[@]}" || return
    [[ -n $only && $name != *"$only"* ]] && select=(-k "$only")
    timeout --foreground -k 10 3600 "$python" -m pytest -c tests/pytest.ini --color=no "${select[@]}" "$@" \
        >"$output" 2>&1
    status=$?
    summary=$(grep -E '^=+ .* in [0-9.]+s' "$output" | tail -n 1)
    number_of()
    {
        grep -oE "[0-9]+ $1" <<<"$summary" | awk '{n += $1} END {print n + 0}'
    }
    bad=$(($(number_of failed) + $(number_of error)))
    [ "$status" -eq 5 ] && [ -n "$only" ] && return # nothing of it was asked for
    [ "$status" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
    count "$(number_of '(passed|xfailed)')" "$bad" "$(number_of skipped)" "$name (status $status)"
    {
        flock 9 # whole, not in between another lane's
        echo "---- $name"
        cat "$output"
    } 9>"$work/turn"
}

# lane SUITE...: runs the suites of these folders one after the other, beside other lanes; join_lanes waits for all
lane()
{
    set -m # a process group of its own, which an interrupt can be sent to
    (
        set +m
        for suite in "$@"; do
            run_pytest "$suite" -n "$jobs" --dist loadfile "tests/$suite"
        done
    ) &
    lanes+=($!)
    set +m
}

join_lanes()
{
    wait "${lanes[@]}"
    lanes=()
}

# compile VARIANT WHAT TARGETS...
compile()
{
    local variant=$1 what=$2
    shift 2
    echo "Building $variant: $what"
    make -s -j"$(nproc)" --no-print-directory "VARIANT=$variant" "$@" >/dev/null
}

build()
{
    compile release "what is installed" all build/release/chronos-worker-test build/release/fault.so &&
        compile asan "the same under the address sanitizer, and the test programs" all test-programs &&
        { ! is_asked fuzz || compile fuzz "what searches for inputs that break a parser" CC=clang fuzz-programs; } &&
        { ! is_asked integration chaos || compile tsan "daemons under the thread sanitizer" all build/tsan/chronos-worker-test; }
}

finish()
{
    local passed failed skipped
    touch "$sums"
    if grep -qE '^[0-9]+ [1-9]' "$sums"; then
        echo
        echo "Failed:"
        sed -nE 's/^[0-9]+ [1-9][0-9]* [0-9]+ /  /p' "$sums"
    fi
    read -r passed failed skipped < <(awk '{p += $1; f += $2; s += $3} END {print p + 0, f + 0, s + 0}' "$sums")
    echo
    if [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ]; then
        echo "no test was found${only:+ for ONLY=$only}"
    fi
    local line="$passed passed, $failed failed"
    [ "$skipped" -gt 0 ] && line+=", $skipped skipped"
    echo "$line"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}

# shellcheck disable=SC2317 # the trap calls it
interrupted()
{
    trap '' INT TERM
    for group in "${lanes[@]}"; do
        kill -INT -- "-$group"
    done
    wait
    echo
    echo "interrupted"
    fail_as_one interrupted
    finish
}

named=$(suites_of_file)
# Programs in C find their servers by address, so all that follows runs beside a Postgres and a Redis.
if [ -n "${CHRONOS_TEST_DATABASE_URL:-}" ]; then
    trap interrupted INT TERM
    run_unit
    # mostly waiting for something to happen: several at a time, each with servers of its own
    lane integration
    lane functions observability console
    lane providers sql ctl deploy lua fuzz sandbox harness logs
    join_lanes
    CHRONOS_TEST_VARIANT=release run_pytest browser -n "$jobs" --dist loadfile tests/browser
    run_pytest chaos -n "$jobs" --dist loadfile --ignore=tests/chaos/test_promises.py tests/chaos
    # these want the machine for themselves
    run_pytest model tests/model
    run_pytest cluster tests/cluster
    run_pytest promises tests/chaos/test_promises.py
    # of the accidents with their alerts only the quick ones; make drills does them all
    run_pytest drills -m quick tests/drills
    # the same daemons and steps on four partitions of a Redis Cluster of three shards
    CHRONOS_TEST_REDIS=cluster run_pytest "on a cluster" tests/integration/test_verdicts.py
    # the threads under the thread sanitizer: every verdict, and both stores killed under load
    CHRONOS_TEST_VARIANT=tsan run_pytest threads tests/integration/test_verdicts.py tests/chaos/test_kills.py \
        -k "${only:-verdicts or two_schedulers or redis_killed or postgres}"
    finish
fi

if [ -n "$only" ] && ! is_found; then
    echo "ONLY=$only: no file, suite or test has that in its name; nothing was built"
    finish
fi
if ! ops/install-deps.sh test; then
    fail_as_one "packages are missing"
    finish
fi
if [ "${BUILD:-1}" != 0 ]; then
    if ! build; then
        fail_as_one "the build"
        finish
    fi
fi
"$python" -m ops.stack run tests/run.sh
status=$?
if [ $status -eq 125 ]; then
    fail_as_one "starting the servers"
    finish
fi
exit $status
