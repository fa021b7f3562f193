#!/usr/bin/env bash
# Builds dist/mouthpiece-<variant>, a folder with the whole program, and tries it.
# usage: packaging/bundle.sh [cpu|cuda] [--no-smoke]
set -euo pipefail
cd "$(dirname "$0")/.."
variant=${1:-cpu}
case "$variant" in cpu | cuda) ;; *) echo "usage: packaging/bundle.sh [cpu|cuda] [--no-smoke]"; exit 2 ;; esac

packaging/setup.sh run
tools=build/bundle-venv # PyInstaller lives apart, and sees the project's packages through one line
if [ ! -x $tools/bin/pyinstaller ]; then
    .venv/bin/python -m venv $tools
    $tools/bin/python -m pip install -q --disable-pip-version-check "pyinstaller>=6.10,<7" "pyinstaller-hooks-contrib"
fi
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
here=$($tools/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
printf '%s\n%s\n' "$site" "$PWD" >"$here/project.pth"

QT_QPA_PLATFORM=offscreen .venv/bin/python packaging/icons.py build/icons
rm -rf "dist/mouthpiece-$variant"
MOUTHPIECE_VARIANT=$variant $tools/bin/pyinstaller --noconfirm --log-level WARN \
    --distpath dist --workpath build/pyinstaller packaging/mouthpiece.spec
if [ "$(uname)" = Linux ]; then
    share="dist/mouthpiece-$variant/share"
    mkdir -p "$share/applications" "$share/mime/packages"
    cp packaging/linux/mouthpiece.desktop "$share/applications/"
    cp packaging/linux/mouthpiece.xml "$share/mime/packages/"
    cp -r build/icons/hicolor "$share/icons"
    cp packaging/linux/install.sh "dist/mouthpiece-$variant/"
fi
du -sh "dist/mouthpiece-$variant"
[ "${2:-}" = --no-smoke ] || packaging/smoke.sh "dist/mouthpiece-$variant/mouthpiece"
