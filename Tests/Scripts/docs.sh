#!/usr/bin/env bash
# docs.sh SWIFT: the documentation of all libraries, from doc comments and the pages under Docs, as
# one archive that any web server can serve. Fails at any warning.
#
# Uses the toolchain's own `docc`, so that neither this package nor one that depends on it has to
# fetch a plug-in for it.
set -euo pipefail
cd "$(dirname "$0")/../.."
swift=$1
work=.build-docs
modules=(Protean ProteanModels ProteanImage)

# A tool of the toolchain, which macOS keeps off the path.
tool() { command -v "$1" || xcrun --find "$1"; }
docc=$(tool docc)
extract=$(tool swift-symbolgraph-extract)

rm -rf "$work"
mkdir -p "$work/graphs" "$work/catalogues" "$work/archives"
for module in "${modules[@]}"; do $swift build --target "$module"; done

target=$(swiftc -print-target-info | sed -n 's/.*"triple": "\(.*\)",.*/\1/p' | head -1)
sdk=()
[ "$(uname)" != Darwin ] || sdk=(-sdk "$(xcrun --show-sdk-path)")
flags=()
for map in .build/debug/CProtean*.build/module.modulemap; do
    flags+=(-Xcc "-fmodule-map-file=$map")
done
for module in "${modules[@]}"; do
    mkdir "$work/graphs/$module"
    "$extract" -module-name "$module" -I .build/debug/Modules "${flags[@]}" \
        -target "$target" ${sdk[@]+"${sdk[@]}"} -minimum-access-level public \
        -output-dir "$work/graphs/$module"
done

python3 Tests/Scripts/docs.py "$work/graphs" "$work/catalogues"
for module in "${modules[@]}"; do
    dependencies=()
    [ "$module" = Protean ] || dependencies=(--dependency "$work/archives/Protean.doccarchive")
    "$docc" convert "$work/catalogues/$module.docc" \
        --additional-symbol-graph-dir "$work/graphs/$module" \
        --output-dir "$work/archives/$module.doccarchive" \
        --fallback-display-name "$module" --fallback-bundle-identifier "protean.$module" \
        --enable-experimental-external-link-support \
        ${dependencies[@]+"${dependencies[@]}"} --warnings-as-errors
done
"$docc" merge "$work"/archives/*.doccarchive --output-path "$work/protean.doccarchive" \
    --synthesized-landing-page-name Protean
echo "documentation: $work/protean.doccarchive; to read it,"
echo "  python3 -m http.server --directory $work/protean.doccarchive"
echo "and open http://localhost:8000/documentation"
