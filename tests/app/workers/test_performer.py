"""The performer process."""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
PARTS = ("film", "frames", "head_moving", "inspecting", "performer", "rival", "stage", "voice_line")
OF_FEW = {"av", "PIL", "scipy.signal", "soundfile"}


def test_what_few_performances_need_is_not_loaded_before_an_avatar_moves():
    names = ", ".join(f"app.workers.{part}" for part in PARTS)
    code = f"import sys, {names}; print(sorted({OF_FEW} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
