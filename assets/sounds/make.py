"""Makes the sound the program ships: about twenty seconds of synthetic speech by flite, with pauses, as FLAC.

Run from the repository: `python assets/sounds/make.py`. The words are ours; the voice is flite's `slt`.
"""

from pathlib import Path

import numpy as np
import soundfile

from engine.synth.performance import AUDIO_RATE_HZ, resampled
from engine.synth.voices import Voice, speak

VOICE = Voice("flite", "slt", "en", rate=0.96)
LINES = (
    ("Hello. I am a head made of small soft splats, and this is my voice.", 0.7),
    ("Move a slider, and I will move my face.", 0.5),
    ("Please put both of my lips together: papa, baby, mama, poem.", 0.8),
    ("Now you. Press the microphone, say whatever you like,", 0.25),
    ("and I will say it with you.", 0.6),
)


def main() -> None:
    pieces = [np.zeros(int(0.3 * AUDIO_RATE_HZ), np.float32)]
    for text, pause_s in LINES:
        pieces += [resampled(speak(text, VOICE)).samples, np.zeros(int(pause_s * AUDIO_RATE_HZ), np.float32)]
    out = Path(__file__).with_name("hello.flac")
    soundfile.write(out, np.concatenate(pieces), AUDIO_RATE_HZ, format="FLAC", subtype="PCM_16")
    print(f"{out}: {sum(len(p) for p in pieces) / AUDIO_RATE_HZ:.1f} s, {out.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
