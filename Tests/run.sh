#!/usr/bin/env bash
# run.sh [SWIFT [RUN...]]: builds once, then runs all tests under each of the given conditions.
#
# RUN is the name of an instruction set, which is forced on the whole suite; `one-cpu`: one CPU in the
# affinity mask and nothing forced; `lint`: formatting; `snippets`: the examples of the pages compile;
# `docs`: the documentation builds without a warning; `fuzz-files` or `fuzz-layers`: a bounded number
# of hostile files and of random layers; `fuzz-layers-address`: layers again, under the address
# sanitizer. Without any, every instruction set that the built command finds on this machine, and all
# of the others.
#
# Fails unless every run ran tests, under the conditions that it claims, no test failed, and no test
# was skipped but those that Tests/may-be-skipped.txt names. The last line is
# `N passed, N failed, N skipped`.
set -euo pipefail
cd "$(dirname "$0")/.."
swift=${1:-swift}
[ $# -eq 0 ] || shift

# What is set where this is started must not decide what tests find.
unset PROTEAN_ISA PROTEAN_NUM_THREADS PROTEAN_EXACTNESS COLUMNS "${!OMP_@}" "${!KMP_@}"

least_tests=100
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
all_passed=0
all_failed=0
all_skipped=0
table=()
skips=$work/skips
: >"$skips"

die() {
    echo "error: $*" >&2
    exit 1
}

# record NAME PASSED FAILED SKIPPED SECONDS: a line of the table at the end.
record() {
    table+=("$(printf '%-20s %6d passed %4d failed %4d skipped %6d s' "$@")")
    all_passed=$((all_passed + $2))
    all_failed=$((all_failed + $3))
    all_skipped=$((all_skipped + $4))
}

# The skipped tests of a report, a line each: SUITE/TEST, a tab, the reason that the test states.
skipped_tests() {
    awk '
        function attribute(name) {
            match($0, " " name "=\"[^\"]*\"")
            return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4)
        }
        /<testcase / {
            suite = attribute("classname")
            sub(/^[^.]*\./, "", suite) # the module
            test = suite "/" attribute("name")
        }
        /<skipped/ {
            reason = $0
            gsub(/<[^>]*>|^ +/, "", reason)
            print test "\t" (reason == "" ? "states no reason" : reason)
        }' "$1"
}

# The tests that may be skipped, as SUITE/TEST.
allowed_skips() { sed 's/ *#.*//; /^$/d' Tests/may-be-skipped.txt; }

# Names of the skipped tests of a report that may not be skipped.
unexpected_skips() {
    skipped_tests "$1" | cut -f 1 | grep -vxFf <(allowed_skips) || :
}

# Names of the tests that may be skipped but do not exist.
stale_skips() {
    allowed_skips | grep -vxFf <($swift test list --skip-build | sed 's/^[^.]*\.//') || :
}

# The number NAME="..." of a report's first suite; nothing where there is no report.
reported() {
    [ ! -f "$2" ] || sed -n "s/.*<testsuite [^>]*\<$1=\"\([0-9]*\)\".*/\1/p" "$2" | head -1
}

# suite NAME SETTINGS COMMAND...: all tests, started by COMMAND, which must report SETTINGS.
suite() {
    local name=$1 settings=$2 began=$SECONDS status=0 tests failed skipped=0 surprises= problem=
    local log=$work/$1.log report=$work/$1-swift-testing.xml
    shift 2
    echo "== all tests: $name"
    "$@" $swift test --skip-build --xunit-output "$work/$name.xml" 2>&1 | tee "$log" || status=$?
    # A run of Swift Testing also prints an XCTest line that says 0 tests and succeeds, so the exit
    # status alone proves nothing.
    tests=$(reported tests "$report") # those that are skipped are not among them
    failed=$(reported failures "$report")
    tests=${tests:-0} failed=${failed:-0}
    if [ -f "$report" ]; then
        skipped=$(skipped_tests "$report" | wc -l)
        surprises=$(unexpected_skips "$report" | tr '\n' ' ')
        skipped_tests "$report" >>"$skips"
    fi
    if ((tests < least_tests)); then
        problem="expected at least $least_tests tests to run, found $tests"
    elif ! grep -qF "suite settings: $settings" "$log"; then
        problem="no test reports '$settings'"
    elif ((failed == 0 && status != 0)); then
        problem="ended with status $status"
    elif [ -n "$surprises" ]; then
        problem="skipped, though Tests/may-be-skipped.txt does not name them: $surprises"
    fi
    if [ -n "$problem" ]; then
        echo "error: $name: $problem" >&2
        failed=$((failed > 0 ? failed : 1))
    fi
    local passed=$((tests - failed))
    record "$name" $((passed > 0 ? passed : 0)) "$failed" "$skipped" $((SECONDS - began))
}

# campaign NAME COMMAND...: many cases or files, which count as one test.
campaign() {
    local name=$1 began=$SECONDS status=0
    shift
    echo "== $name"
    "$@" || status=$?
    record "$name" $((status == 0)) $((status != 0)) 0 $((SECONDS - began))
}

# Narrowest first; the last one is what runs where nothing is forced.
instruction_sets() {
    "$($swift build --show-bin-path)/protean" plugins --json | tr -d ' \n' |
        sed -n 's/.*"isas":\[\([^]]*\)\].*/\1/p' | tr -d '"' | tr ',' ' '
}

# The first CPU that this process may use; a container need not have the machine's first.
first_cpu() { sed -n 's/^Cpus_allowed_list:[^0-9]*\([0-9]*\).*/\1/p' /proc/self/status; }

# perform RUN. Runs that are no suite of tests, such as fuzzers, end in `record` and are named in
# `all_runs`.
perform() {
    case $1 in
    lint) campaign "$1" Tests/Scripts/lint.sh "$swift" check ;;
    snippets) campaign "$1" Tests/Scripts/snippets.sh "$swift" ;;
    docs) campaign "$1" Tests/Scripts/docs.sh "$swift" ;;
    fuzz-files) campaign "$1" Tests/fuzz.sh "$swift" ;;
    fuzz-layers) campaign "$1" Tests/fuzz-layers.sh "$swift" ;;
    fuzz-layers-address) campaign "$1" Tests/fuzz-layers.sh "$swift" --sanitize address ;;
    one-cpu) suite one-cpu "instruction set ${sets##* }, threads 1" taskset -c "$(first_cpu)" ;;
    *) suite "$1" "instruction set $1," env "PROTEAN_ISA=$1" ;;
    esac
}

# The commands are tested as processes, so they are built first.
$swift build --build-tests
stale=$(stale_skips)
[ -z "$stale" ] || die "Tests/may-be-skipped.txt names tests that do not exist: $stale"
sets=$(instruction_sets)
[ -n "$sets" ] || die "'protean plugins --json' names no instruction set"
campaigns="snippets docs fuzz-files fuzz-layers fuzz-layers-address"
all_runs="lint $sets one-cpu $campaigns"
if ! command -v taskset >/dev/null; then
    [ "$(uname)" != Linux ] || die "the run on one CPU needs taskset, of the package util-linux"
    echo "note: there is no taskset here; the run on one CPU is left out"
    all_runs="lint $sets $campaigns"
fi
[ $# -gt 0 ] || set -- $all_runs
for run in "$@"; do
    [[ " $all_runs " == *" $run "* ]] || die "no run '$run' here, only: $all_runs"
done

for run in "$@"; do perform "$run"; done
printf '\n'
if [ -s "$skips" ]; then
    echo "skipped, with the number of runs that skipped it:"
    sort "$skips" | uniq -c
    printf '\n'
fi
printf '%s\n' "${table[@]}"
echo "$all_passed passed, $all_failed failed, $all_skipped skipped"
((all_failed == 0))
