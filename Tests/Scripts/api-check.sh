#!/usr/bin/env bash
# api-check.sh SWIFT [TAG]: fails where the public API of the libraries breaks what uses TAG, by
# default the newest tag that names a version. Passes, and says so, where there is no such tag. Breaks
# that are intended, because a version that may break is being prepared, are listed in
# Tests/Scripts/intended-api-breaks.txt, a line each, as this command prints them ("API breakage: ...").
set -euo pipefail
cd "$(dirname "$0")/../.."
swift=$1
tag=${2:-$(git tag --list --merged HEAD --sort=-version:refname '[0-9]*.[0-9]*.[0-9]*' | head -1)}
if [ -z "$tag" ]; then
    echo "no version has been tagged yet: there is no API that could break"
    exit 0
fi
intended=()
[ ! -f Tests/Scripts/intended-api-breaks.txt ] ||
    intended=(--breakage-allowlist-path Tests/Scripts/intended-api-breaks.txt)
echo "comparing the public API with version $tag"
$swift package diagnose-api-breaking-changes "$tag" ${intended[@]+"${intended[@]}"} \
    --products Protean --products ProteanModels --products ProteanImage
