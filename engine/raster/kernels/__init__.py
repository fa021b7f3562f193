"""Compiled loops of the CPU rasterizer: projection, spherical harmonics, tiles and blending (numba)."""
