#!/usr/bin/env bash
# install.sh SUDO PACKAGE...: installs the Debian packages that are missing; SUDO may be empty.
set -euo pipefail
sudo=$1
shift

missing=()
for package in "$@"; do
    # libjpeg-dev is provided by different packages on different releases.
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "Please install the equivalents of: ${missing[*]} (apt-get is not available here)" >&2
    [ "$(uname)" = Darwin ] && exit 0
    exit 1
fi
echo "installing ${missing[*]}"
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
