#!/usr/bin/env bash
# fuzz.sh SWIFT [gate | long | libfuzzer FORMAT [OPTION...]]
#   gate       a bounded part in a debug build; fails on any finding (the default)
#   long       100,000 cases and more in a release build, within the stated limits
#   libfuzzer  LLVM's libFuzzer on one format under the address sanitizer, until it is stopped or
#              as its own options say, such as -max_total_time=60
# See Docs/Fuzzing.md.
set -euo pipefail
cd "$(dirname "$0")/.."
swift=$1
mode=${2:-gate}

case $mode in
gate)
    # Debug code on a busy machine: the limit on time only catches what grows without bounds.
    $swift build --product protean-fuzz
    "$($swift build --show-bin-path)/protean-fuzz" files --cases 4500 --time-limit 20
    ;;
long)
    $swift build -c release --product protean-fuzz
    "$($swift build -c release --show-bin-path)/protean-fuzz" files \
        --cases "${CASES:-108000}" --seed "${SEED:-1}"
    ;;
libfuzzer)
    format=$3
    shift 3
    runtime=$(find "$(dirname "$(dirname "$(readlink -f "$(command -v "$swift")")")")" \
        -name 'libclang_rt.fuzzer_no_main*.a' -print -quit)
    if [ -z "$runtime" ]; then
        echo "error: this toolchain has no libFuzzer" >&2
        exit 1
    fi
    options=(
        -c release --scratch-path .build-fuzzer --product protean-fuzz --sanitize address
        -Xswiftc -DPROTEAN_LIBFUZZER
        -Xswiftc -sanitize-coverage=edge,inline-8bit-counters,pc-table
        -Xcc -fsanitize-coverage=inline-8bit-counters,pc-table
        -Xlinker "$runtime" -Xlinker -lstdc++
    )
    $swift build "${options[@]}"
    # libpng and Swift's runtime keep memory until the end, which is no leak.
    ASAN_OPTIONS=detect_leaks=0 .build-fuzzer/release/protean-fuzz libfuzzer \
        --format "$format" --corpus ".build-fuzzer/corpus-$format" "$@"
    ;;
*)
    echo "usage: fuzz.sh SWIFT [gate | long | libfuzzer FORMAT [OPTION...]]" >&2
    exit 64
    ;;
esac
