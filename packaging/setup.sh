#!/usr/bin/env bash
# Sets up everything Mouthpiece needs beside its checkout: system libraries, .venv, the project itself.
# usage: packaging/setup.sh run|test
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:-run}

packages=$(cat packaging/debian-run.txt)
[ "$kind" = test ] && packages="$packages $(cat packaging/debian-test.txt)"

if command -v dpkg-query >/dev/null; then
    lacking=""
    for package in $packages; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "ok installed" || lacking="$lacking $package"
    done
    if [ -n "$lacking" ]; then
        install="apt-get install -y --no-install-recommends$lacking"
        if [ "$(id -u)" = 0 ]; then
            echo "Installing system libraries:$lacking"
            apt-get update -qq
            DEBIAN_FRONTEND=noninteractive $install -qq >/dev/null
        elif sudo -n true 2>/dev/null; then
            echo "Installing system libraries:$lacking"
            sudo apt-get update -qq
            sudo DEBIAN_FRONTEND=noninteractive $install -qq >/dev/null
        else
            echo "Some system libraries are missing. Type this line, then start again:"
            echo "  sudo $install"
            exit 1
        fi
    fi
else
    echo "Not a Debian or Ubuntu machine: see packaging/debian-run.txt for the system libraries that are needed."
fi

python=$(command -v python3.11 || command -v python3)
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed."; exit 1; }
[ -x .venv/bin/python ] || { echo "Making .venv"; "$python" -m venv .venv; }

extras=$([ "$kind" = test ] && echo "[test]" || echo "")
stamp=.venv/.installed-$kind
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
    echo "Installing Python packages (some minutes the first time)"
    .venv/bin/python -m pip install -q --disable-pip-version-check -e ".$extras"
    touch "$stamp"
fi
