"""Colours from spherical harmonics, degrees 0 to 3, and their gradient (INRIA's order of coefficients and signs)."""

import math

import numpy as np
from numba import prange

from engine.raster.kernels import parallel, serial
from engine.raster.kernels.projection import GRADIENT_CHUNKS
from engine.raster.kernels.tiles import INVISIBLE

C0 = np.float32(0.28209479177387814)
C1 = np.float32(0.4886025119029199)
C20 = np.float32(1.0925484305920792)
C22 = np.float32(0.31539156525252005)
C24 = np.float32(0.5462742152960396)
C30 = np.float32(0.5900435899266435)
C31 = np.float32(2.890611442640554)
C32 = np.float32(0.4570457994644658)
C33 = np.float32(0.3731763325901154)
C35 = np.float32(1.445305721320277)


@serial
def fill_basis(degree, x, y, z, basis):
    """Writes the `(degree + 1) ** 2` harmonics of the unit direction."""
    one, two, three, four = np.float32(1), np.float32(2), np.float32(3), np.float32(4)
    basis[0] = C0 * one
    if degree < 1:
        return
    basis[1], basis[2], basis[3] = -C1 * y, C1 * z, -C1 * x
    if degree < 2:
        return
    xx, yy, zz = x * x, y * y, z * z
    basis[4], basis[5] = C20 * x * y, -C20 * y * z
    basis[6] = C22 * (two * zz - xx - yy)
    basis[7], basis[8] = -C20 * x * z, C24 * (xx - yy)
    if degree < 3:
        return
    basis[9], basis[10] = -C30 * y * (three * xx - yy), C31 * x * y * z
    basis[11] = -C32 * y * (four * zz - xx - yy)
    basis[12] = C33 * z * (two * zz - three * xx - three * yy)
    basis[13] = -C32 * x * (four * zz - xx - yy)
    basis[14], basis[15] = C35 * z * (xx - yy), -C30 * x * (xx - three * yy)


@serial
def basis_gradient(degree, x, y, z, e):
    """Gradient by the direction of the sum of harmonics weighted by `e`."""
    two, three, four, six = np.float32(2), np.float32(3), np.float32(4), np.float32(6)
    gx = gy = gz = np.float32(0)
    if degree >= 1:
        gx, gy, gz = -C1 * e[3], -C1 * e[1], C1 * e[2]
    if degree >= 2:
        gx += C20 * (e[4] * y - e[7] * z) - two * C22 * e[6] * x + two * C24 * e[8] * x
        gy += C20 * (e[4] * x - e[5] * z) - two * C22 * e[6] * y - two * C24 * e[8] * y
        gz += -C20 * (e[5] * y + e[7] * x) + four * C22 * e[6] * z
    if degree >= 3:
        xx, yy, zz = x * x, y * y, z * z
        gx += -six * C30 * e[9] * x * y + C31 * e[10] * y * z + two * C32 * e[11] * x * y - six * C33 * e[12] * x * z
        gx += -C32 * e[13] * (four * zz - three * xx - yy) + two * C35 * e[14] * x * z - three * C30 * e[15] * (xx - yy)
        gy += -three * C30 * e[9] * (xx - yy) + C31 * e[10] * x * z - C32 * e[11] * (four * zz - xx - three * yy)
        gy += -six * C33 * e[12] * y * z + two * C32 * e[13] * x * y - two * C35 * e[14] * y * z
        gy += six * C30 * e[15] * x * y
        gz += C31 * e[10] * x * y - np.float32(8) * C32 * z * (e[11] * y + e[13] * x)
        gz += C33 * e[12] * (six * zz - three * xx - three * yy) + C35 * e[14] * (xx - yy)
    return gx, gy, gz


@parallel
def shade(degree, coefficients, means, position, radii, colors):
    """Colours `[N, 3]` of the Gaussians with radii, from coefficients `[N, K, 3]` and the camera's `position` `[3]`."""
    n_terms = (degree + 1) * (degree + 1)
    n = means.shape[0]
    for chunk in prange(GRADIENT_CHUNKS):
        basis = np.empty(16, np.float32)
        for i in range(chunk * n // GRADIENT_CHUNKS, (chunk + 1) * n // GRADIENT_CHUNKS):
            if radii[i, 0] <= 0:
                colors[i, 0] = colors[i, 1] = colors[i, 2] = np.float32(0)
                continue
            dx, dy, dz = means[i, 0] - position[0], means[i, 1] - position[1], means[i, 2] - position[2]
            inverse = np.float32(1) / max(math.sqrt(dx * dx + dy * dy + dz * dz), np.float32(1e-12))
            fill_basis(degree, dx * inverse, dy * inverse, dz * inverse, basis)
            r = g = b = np.float32(0.5)
            for k in range(n_terms):
                r += basis[k] * coefficients[i, k, 0]
                g += basis[k] * coefficients[i, k, 1]
                b += basis[k] * coefficients[i, k, 2]
            zero = np.float32(0)
            # written so that NaN stays NaN and is skipped later
            colors[i, 0] = zero if r < zero else r
            colors[i, 1] = zero if g < zero else g
            colors[i, 2] = zero if b < zero else b


@parallel
def shade_backward(degree, coefficients, means, position, radii, colors, v_colors, v_coefficients, v_means, v_position):
    """Fills the gradients of coefficients and means, and of the camera's position `[GRADIENT_CHUNKS, 3]`."""
    n_terms = (degree + 1) * (degree + 1)
    n = means.shape[0]
    zero = np.float32(0)
    for chunk in prange(GRADIENT_CHUNKS):
        basis = np.empty(16, np.float32)
        e = np.zeros(16, np.float32)
        sx = sy = sz = 0.0
        for i in range(chunk * n // GRADIENT_CHUNKS, (chunk + 1) * n // GRADIENT_CHUNKS):
            if radii[i, 0] <= 0:
                continue
            r = v_colors[i, 0] if colors[i, 0] > zero else zero
            g = v_colors[i, 1] if colors[i, 1] > zero else zero
            b = v_colors[i, 2] if colors[i, 2] > zero else zero
            dx, dy, dz = means[i, 0] - position[0], means[i, 1] - position[1], means[i, 2] - position[2]
            inverse = np.float32(1) / max(math.sqrt(dx * dx + dy * dy + dz * dz), np.float32(1e-12))
            dx, dy, dz = dx * inverse, dy * inverse, dz * inverse
            fill_basis(degree, dx, dy, dz, basis)
            for k in range(n_terms):
                v_coefficients[i, k, 0] = basis[k] * r
                v_coefficients[i, k, 1] = basis[k] * g
                v_coefficients[i, k, 2] = basis[k] * b
                e[k] = coefficients[i, k, 0] * r + coefficients[i, k, 1] * g + coefficients[i, k, 2] * b
            gx, gy, gz = basis_gradient(degree, dx, dy, dz, e)
            along = gx * dx + gy * dy + gz * dz
            gx, gy, gz = (gx - along * dx) * inverse, (gy - along * dy) * inverse, (gz - along * dz) * inverse
            v_means[i, 0], v_means[i, 1], v_means[i, 2] = gx, gy, gz
            sx, sy, sz = sx - gx, sy - gy, sz - gz
        v_position[chunk, 0], v_position[chunk, 1], v_position[chunk, 2] = sx, sy, sz


@parallel
def shade_splats(degree, coefficients, means, position, keys, colors, n_skipped):
    """Like `shade` for splats with a key; takes the key from a colour that is not finite and counts it."""
    n_terms = (degree + 1) * (degree + 1)
    n = means.shape[0]
    zero, big = np.float32(0), np.float32(3e38)
    for chunk in prange(GRADIENT_CHUNKS):
        basis = np.empty(16, np.float32)
        for i in range(chunk * n // GRADIENT_CHUNKS, (chunk + 1) * n // GRADIENT_CHUNKS):
            if keys[i] == INVISIBLE:
                continue
            dx, dy, dz = means[i, 0] - position[0], means[i, 1] - position[1], means[i, 2] - position[2]
            inverse = np.float32(1) / max(math.sqrt(dx * dx + dy * dy + dz * dz), np.float32(1e-12))
            fill_basis(degree, dx * inverse, dy * inverse, dz * inverse, basis)
            r = g = b = np.float32(0.5)
            for k in range(n_terms):
                r += basis[k] * coefficients[i, k, 0]
                g += basis[k] * coefficients[i, k, 1]
                b += basis[k] * coefficients[i, k, 2]
            if not (abs(r) < big and abs(g) < big and abs(b) < big):
                keys[i] = INVISIBLE
                n_skipped[chunk] += 1
            colors[i, 0], colors[i, 1], colors[i, 2] = max(r, zero), max(g, zero), max(b, zero)
