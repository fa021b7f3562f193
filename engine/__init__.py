"""Mouthpiece's engine: avatars, splats, sound and capture, usable from a script without a window."""

import os

__version__ = "0.1.0"

# Before torch or numba load their thread pools: a worker that waits must sleep, not spin. With spinning pools the
# audio, the window and each other's pool lose whole time slices (measured: 60 ms frames instead of 11 on two cores).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
