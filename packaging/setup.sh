#!/usr/bin/env bash
# Sets up everything Mouthpiece needs beside its checkout: system libraries, .venv, the project itself.
# usage: packaging/setup.sh run|test
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:-run}

packages=$(cat packaging/debian-run.txt)
[ "$kind" = test ] && packages="$packages $(cat packaging/debian-test.txt)"

python=$(command -v python3.11 || command -v python3)
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed."; exit 1; }

lacking=""
if command -v dpkg-query >/dev/null; then
    for package in $packages; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "ok installed" || lacking="$lacking $package"
    done
else
    echo "Not a Debian or Ubuntu machine: see packaging/debian-run.txt for the system libraries that are needed."
fi
install="apt-get install -y --no-install-recommends$lacking"
as_root=""
if [ -n "$lacking" ] && [ "$(id -u)" != 0 ]; then
    as_root="sudo"
    if ! sudo -n true 2>/dev/null; then
        echo "Some system libraries are missing. Type this line, then start again:"
        echo "  sudo $install"
        exit 1
    fi
fi

install_libraries() {
    [ -n "$lacking" ] || return 0
    echo "Installing system libraries:$lacking"
    $as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive $install -qq >/dev/null
}

install_packages() {
    local extras stamp=.venv/.installed-$kind
    [ -e "$stamp" ] && [ ! pyproject.toml -nt "$stamp" ] && return 0
    echo "Installing Python packages (some minutes the first time)"
    extras=$([ "$kind" = test ] && echo "[test]" || echo "")
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-compile -e ".$extras" || return 1
    # pip would compile everything on one core; this takes all cores, and leaves out what nothing here imports
    local unused='/tests?/|/transformers/models/(?!auto/|hubert/|wav2vec2/|__init__)'
    .venv/bin/python -m compileall -q -j 0 -x "$unused" .venv/lib >/dev/null || true
    touch "$stamp"
}

[ -x .venv/bin/python ] || { echo "Making .venv"; "$python" -m venv .venv; }
install_libraries &  # beside the packages: one waits for mirrors while the other unpacks
libraries=$!
has_failed=0
install_packages || has_failed=1
wait $libraries || has_failed=1
exit $has_failed
