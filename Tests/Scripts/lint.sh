#!/usr/bin/env bash
# lint.sh SWIFT check|fix: formatting of all Swift and C sources, checked or corrected; and whether the
# pages of results are those that `make results` makes.
#
# Swift: the toolchain's own `swift format`, configured by .swift-format. C: clang-format, configured
# by .clang-format. Releases of clang-format format differently, and each system brings another one
# (Debian 12 has 14), so one release is pinned for everybody: a wheel of PyPI, which holds the same
# program for Linux and macOS on both architectures, in a virtual environment in .build-lint.
set -euo pipefail
cd "$(dirname "$0")/../.."
swift=$1 mode=$2
release=20.1.8
environment=.build-lint
formatter=$environment/bin/clang-format

if ! "$formatter" --version 2>/dev/null | grep -qF "version $release"; then
    echo "installing clang-format $release into $environment"
    python3 -m venv "$environment" &&
        "$environment/bin/pip" install --quiet --disable-pip-version-check \
            "clang-format==$release" ||
        echo "note: clang-format $release cannot be installed; C is not looked at" >&2
fi

swift_sources=(Package.swift Sources Tests Benchmarks)
[ ! -d Examples ] || swift_sources+=(Examples)
c_sources() {
    [ -x "$formatter" ] || return 0
    find Kernels Sources Tests -name .build -prune -o \
        -type f \( -name '*.c' -o -name '*.h' -o -name '*.inc' \) -print0
}

status=0
case $mode in
check)
    $swift format lint --strict --parallel --recursive "${swift_sources[@]}" || status=1
    c_sources | xargs -0r "$formatter" --dry-run --Werror || status=1
    [ $status -eq 0 ] || echo "error: 'make format' corrects most of this" >&2
    python3 Tests/Scripts/results.py --check || status=1
    ;;
fix)
    $swift format --in-place --parallel --recursive "${swift_sources[@]}"
    # Lists of macros settle at the second pass.
    for _ in 1 2; do c_sources | xargs -0r "$formatter" -i; done
    ;;
*)
    echo "usage: lint.sh SWIFT check|fix" >&2
    exit 64
    ;;
esac
exit $status
