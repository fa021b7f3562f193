"""Compiled loops of the CPU rasterizer: projection, spherical harmonics, tiles and blending (numba)."""

from numba import njit

CAREFUL = {"nsz", "arcp", "contract", "afn", "reassoc"}
"""Fast arithmetic in which NaN and infinity keep their meaning, so that they can be found and left out."""

inlined = njit(cache=True, inline="always", error_model="numpy", fastmath=CAREFUL)
serial = njit(cache=True, nogil=True, error_model="numpy", fastmath=CAREFUL)
parallel = njit(cache=True, parallel=True, nogil=True, error_model="numpy", fastmath=CAREFUL)
parallel_finite = njit(cache=True, parallel=True, nogil=True, error_model="numpy", fastmath=True)
"""For loops that only ever see finite values."""
