#!/usr/bin/env bash
# Makes this folder's program known to the desktop of the current user: menu entry, icon, file types.
# usage: ./install.sh [--remove]
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
data=${XDG_DATA_HOME:-$HOME/.local/share}
if [ "${1:-}" = --remove ]; then
    rm -f "$HOME/.local/bin/mouthpiece" "$data/applications/mouthpiece.desktop" "$data/mime/packages/mouthpiece.xml"
    find "$data/icons/hicolor" -name "*mouthpiece*.png" -delete 2>/dev/null || true
else
    mkdir -p "$HOME/.local/bin" "$data/applications" "$data/mime/packages" "$data/icons/hicolor"
    ln -sf "$here/mouthpiece" "$HOME/.local/bin/mouthpiece"
    sed "s|^Exec=mouthpiece|Exec=\"$here/mouthpiece\"|" "$here/share/applications/mouthpiece.desktop" \
        >"$data/applications/mouthpiece.desktop"
    cp "$here/share/mime/packages/mouthpiece.xml" "$data/mime/packages/"
    cp -r "$here/share/icons/." "$data/icons/hicolor/"
fi
for tool in "update-desktop-database $data/applications" "update-mime-database $data/mime"; do
    command -v "${tool%% *}" >/dev/null && $tool || true
done
