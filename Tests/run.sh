#!/usr/bin/env bash
# run.sh SWIFT: builds, runs every test and fails unless tests really ran.
# A run of Swift Testing also prints an XCTest line that says 0 tests and succeeds, so the exit
# status alone proves nothing.
set -euo pipefail
swift=$1
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The commands are tested as processes, so they are built first.
$swift build --build-tests
$swift test --skip-build 2>&1 | tee "$log"

ran=$(sed -n 's/.*Test run with \([0-9][0-9]*\) tests.* passed.*/\1/p' "$log" | tail -1)
if [ -z "$ran" ] || [ "$ran" -lt 100 ]; then
    echo "error: expected at least 100 tests to run, found ${ran:-none}" >&2
    exit 1
fi
echo "$ran tests ran"
