#!/usr/bin/env bash
# Starts a built program with its child processes and waits until it has seen the avatar move.
# usage: packaging/smoke.sh dist/mouthpiece-cpu/mouthpiece [AVATAR]
set -euo pipefail
program=$(readlink -f "$1")
avatar=${2:-}
screen=()
if [ -z "${DISPLAY:-}" ] && command -v xvfb-run >/dev/null; then
    screen=(xvfb-run -a -w 30 -s "-screen 0 1440x900x24")
fi
cd /  # nothing of a checkout may be found by chance
"${screen[@]}" "$program" _smoke ${avatar:+"$avatar"}
