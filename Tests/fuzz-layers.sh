#!/usr/bin/env bash
# fuzz-layers.sh SWIFT [--sanitize address|undefined] [CASES [SEED]]: random configurations of all layers.
# A sanitizer builds into a folder of its own, C kernels included. See Docs/Fuzzing.md.
set -euo pipefail
cd "$(dirname "$0")/.."
swift=$1
shift
folder=.build cases=3000 flags=() limits=()
if [ "${1:-}" = --sanitize ]; then
    # Sanitizers keep freed memory and watch every access: more of both is no finding.
    folder=.build-$2 cases=2000 flags=(--sanitize "$2") limits=(--seconds 20 --mebibytes 2048)
    shift 2
fi
cases=${1:-$cases} seed=${2:-1}

export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
$swift build --product protean-fuzz --scratch-path "$folder" "${flags[@]}"
exec "$folder/debug/protean-fuzz" layers --cases "$cases" --seed "$seed" "${limits[@]}"
