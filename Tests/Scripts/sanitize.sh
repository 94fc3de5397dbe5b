#!/usr/bin/env bash
# sanitize.sh SWIFT address|thread|undefined [OPTION...]: the tests under a sanitizer.
#
# OPTIONs go to `swift test`, such as `--filter Conv2d`. Builds into .build-SANITIZER. What each sanitizer
# covers and cannot see: Docs/Sanitizers.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
swift=$1 sanitizer=$2
shift 2
skips=()

case $sanitizer in
address)
    # A refused allocation is an error that tests expect. Leaks are not looked for: the Swift runtime
    # keeps memory until the end, and the leak checker needs ptrace, which containers often refuse.
    export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=0:detect_stack_use_after_return=0
    # These test the arenas, which this build does not use.
    skips=(--skip 'MemoryTests/(trimmingAndLarge|smallBlocksLeave|theLowestFree)')
    ;;
undefined)
    export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    ;;
thread)
    # Neither the OpenMP runtime nor the Swift runtime is instrumented; see Docs/Sanitizers.md.
    export TSAN_OPTIONS=suppressions=$PWD/Tests/Scripts/thread.supp:ignore_noninstrumented_modules=1
    export OMP_THREAD_LIMIT=1
    ;;
*)
    echo "usage: sanitize.sh SWIFT address|thread|undefined [OPTION...]" >&2
    exit 64
    ;;
esac
$swift build --build-tests --sanitize "$sanitizer" --scratch-path ".build-$sanitizer"
exec $swift test --skip-build --sanitize "$sanitizer" --scratch-path ".build-$sanitizer" \
    ${skips[@]+"${skips[@]}"} "$@"
