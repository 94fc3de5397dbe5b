#!/usr/bin/env bash
# snippets.sh SWIFT: the examples of README.md and of the pages under Docs compile against the
# libraries as they are built. How a page says what an example takes for granted: snippets.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
swift=$1
work=.build-snippets

rm -rf "$work"
mkdir "$work"
for module in ProteanModels ProteanImage; do $swift build --target "$module"; done
flags=(-swift-version 6 -I .build/debug/Modules)
for map in .build/debug/CProtean*.build/module.modulemap; do
    flags+=(-Xcc "-fmodule-map-file=$map")
done

count=0 failed=0
for file in $(python3 Tests/Scripts/snippets.py "$work"); do
    count=$((count + 1))
    swiftc -typecheck -suppress-warnings "${flags[@]}" "$file" || failed=$((failed + 1))
done
echo "$count pages with examples, $failed of them do not compile"
((count > 5 && failed == 0))
