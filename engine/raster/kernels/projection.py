"""3D Gaussians to 2D ellipses and back: the EWA projection of one camera and its gradient, one pass each.

`camera` is float32 `[22]`: the 3x3 rotation by rows, translation, fx, fy, cx, cy, the limits of x/z and y/z (least x,
most x, least y, most y), near and far planes. Gradients follow gsplat's conventions.
"""

import math

import numpy as np
from numba import prange

from engine.raster.kernels import inlined, parallel
from engine.raster.kernels.lanes import (
    N_LANES,
    at_least,
    below,
    both,
    choose,
    least,
    load,
    most,
    size,
    spread,
    square_root,
    store,
)
from engine.raster.kernels.tiles import INVISIBLE, LOG2_255, LOG2_E, SPLAT_WIDTH, TILE, boxed_tiles, float_bits

ALPHA_MIN = np.float32(1.0 / 255.0)
SOLID_SIGMAS = 2.0
"""Where a hard-edged Gaussian ends."""
SOLID_LOG2 = 120.0
"""Alpha of a hard-edged one at its centre as a power of two, cut to 0.999: the larger, the thinner the rim (3 %)."""
SCRATCH_ROWS = 21
GRADIENT_CHUNKS = 32
"""The gradient of the camera is summed in this many fixed parts, so that it does not depend on the threads."""


def camera_vector(viewmat: np.ndarray, k: np.ndarray, width: int, height: int, near: float, far: float) -> np.ndarray:
    """What the kernels want to know of one camera: `viewmat` `[4, 4]`, `k` `[3, 3]`."""
    fx, fy, cx, cy = float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2])
    margin_x, margin_y = 0.15 * width / fx, 0.15 * height / fy
    limits = (-cx / fx - margin_x, (width - cx) / fx + margin_x, -cy / fy - margin_y, (height - cy) / fy + margin_y)
    rotation, translation = np.asarray(viewmat)[:3, :3], np.asarray(viewmat)[:3, 3]
    return np.array([*rotation.ravel(), *translation, fx, fy, cx, cy, *limits, near, far], dtype=np.float32)


@inlined
def rotated(w, x, y, z):
    """The nine entries of the rotation by a unit quaternion."""
    one, two = np.float32(1), np.float32(2)
    return (
        one - two * (y * y + z * z), two * (x * y - w * z), two * (x * z + w * y),
        two * (x * y + w * z), one - two * (x * x + z * z), two * (y * z - w * x),
        two * (x * z - w * y), two * (y * z + w * x), one - two * (x * x + y * y),
    )  # fmt: skip


@inlined
def footprint(px, py, pz, qw, qx, qy, qz, sx, sy, sz, cam):
    """Camera-space mean and the two rows of (Jacobian x view x rotation x scale), whose products are the covariance."""
    w0, w1, w2, w3, w4, w5, w6, w7, w8 = cam[0], cam[1], cam[2], cam[3], cam[4], cam[5], cam[6], cam[7], cam[8]
    x = w0 * px + w1 * py + w2 * pz + cam[9]
    y = w3 * px + w4 * py + w5 * pz + cam[10]
    z = w6 * px + w7 * py + w8 * pz + cam[11]
    length = math.sqrt(qw * qw + qx * qx + qy * qy + qz * qz)
    inverse = np.float32(1) / max(length, np.float32(1e-12))
    r0, r1, r2, r3, r4, r5, r6, r7, r8 = rotated(qw * inverse, qx * inverse, qy * inverse, qz * inverse)
    iz = np.float32(1) / z
    u = min(max(x * iz, cam[16]), cam[17])
    v = min(max(y * iz, cam[18]), cam[19])
    jx, jy = cam[12] * iz, cam[13] * iz
    # rows of Jacobian x view
    a0, a1, a2 = jx * (w0 - u * w6), jx * (w1 - u * w7), jx * (w2 - u * w8)
    b0, b1, b2 = jy * (w3 - v * w6), jy * (w4 - v * w7), jy * (w5 - v * w8)
    p0 = (a0 * r0 + a1 * r3 + a2 * r6) * sx
    p1 = (a0 * r1 + a1 * r4 + a2 * r7) * sy
    p2 = (a0 * r2 + a1 * r5 + a2 * r8) * sz
    q0 = (b0 * r0 + b1 * r3 + b2 * r6) * sx
    q1 = (b0 * r1 + b1 * r4 + b2 * r7) * sy
    q2 = (b0 * r2 + b1 * r5 + b2 * r8) * sz
    return x, y, z, iz, p0, p1, p2, q0, q1, q2


@inlined
def spanned_area_squared(p0, p1, p2, q0, q1, q2):
    """The determinant of the unblurred covariance as |p x q|² (Lagrange's identity): nothing cancels."""
    x, y, z = p1 * q2 - p2 * q1, p2 * q0 - p0 * q2, p0 * q1 - p1 * q0
    return x * x + y * y + z * z


@parallel
def project(
    means, quats, scales, opacities, cam, width, height, eps2d, radius_clip, antialiased,
    means2d, depths, conics, compensations, radii,
):  # fmt: skip
    """Fills `[N, ...]` outputs; radii stay 0 for what no pixel can see or what is not finite."""
    big = np.float32(3e38)
    for i in prange(means.shape[0]):
        means2d[i, 0] = means2d[i, 1] = depths[i] = compensations[i] = np.float32(0)
        conics[i, 0] = conics[i, 1] = conics[i, 2] = np.float32(0)
        radii[i, 0] = radii[i, 1] = 0
        opacity = opacities[i]
        x, y, z, iz, p0, p1, p2, q0, q1, q2 = footprint(
            means[i, 0], means[i, 1], means[i, 2], quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3],
            scales[i, 0], scales[i, 1], scales[i, 2], cam,
        )  # fmt: skip
        if not (z >= cam[20] and z <= cam[21] and z > np.float32(0)):
            continue
        a0, b, c0 = p0 * p0 + p1 * p1 + p2 * p2, p0 * q0 + p1 * q1 + p2 * q2, q0 * q0 + q1 * q1 + q2 * q2
        a, c = a0 + eps2d, c0 + eps2d
        det0 = spanned_area_squared(p0, p1, p2, q0, q1, q2)
        det = det0 + eps2d * (a0 + c0 + eps2d)
        if not (det > np.float32(0) and det < big):
            continue
        compensation = np.float32(1)
        if antialiased:
            compensation = math.sqrt(det0 / det)
        opacity *= compensation
        x2, y2 = cam[12] * x * iz + cam[14], cam[13] * y * iz + cam[15]
        if not (opacity >= ALPHA_MIN and opacity < big and abs(x2) < big and abs(y2) < big):
            continue
        extent = math.sqrt(np.float32(2) * math.log(opacity / ALPHA_MIN))
        rx, ry = math.ceil(extent * math.sqrt(a)), math.ceil(extent * math.sqrt(c))
        if not (rx > radius_clip or ry > radius_clip):
            continue
        if not (x2 + rx > 0 and x2 - rx < width and y2 + ry > 0 and y2 - ry < height):
            continue
        means2d[i, 0], means2d[i, 1] = x2, y2
        depths[i] = z
        conics[i, 0], conics[i, 1], conics[i, 2] = c / det, -b / det, a / det
        compensations[i] = compensation
        radii[i, 0], radii[i, 1] = np.int32(max(min(rx, 1e9), 1.0)), np.int32(max(min(ry, 1e9), 1.0))


@inlined
def gathered(values, first, n, n_columns, scratch, row):
    """Writes the columns of `n` rows of `values` from `first` on, one column a row of sixteen from `row` on."""
    for lane in range(n):
        for j in range(n_columns):
            scratch[(row + j) * N_LANES + lane] = values[first + lane, j]


@inlined
def row_of(scratch, row):
    return load(scratch, np.intp(row * N_LANES))


@inlined
def keep(scratch, row, value):
    store(scratch, np.intp(row * N_LANES), value)


@parallel
def project_splats(
    means, quats, scales, opacities, colors, cam, width, height, eps2d, antialiased, hard_edged,
    splats, keys, boxes, n_skipped,
):  # fmt: skip
    """Straight to what `engine.raster.kernels.tiles` sorts and bins, for pictures without gradients.

    Fills splats `[N, 8]`, keys `[N]`, tiles in each splat's bounding box `[N]`, and how many Gaussians hold NaN or
    infinite values in each of the chunks. `colors` `[N, D]` are only looked at for such values. With `hard_edged` each
    visible Gaussian is a solid of `SOLID_SIGMAS` standard deviations whose alpha falls in a thin rim.

    Sixteen Gaussians at a time, as `footprint` and `write_splat` do it for one.
    """
    n = means.shape[0]
    big = np.float32(3e38)
    n_columns, n_rows = -(-width // TILE), -(-height // TILE)
    for chunk in prange(GRADIENT_CHUNKS):
        bad = 0
        rows = np.zeros(SCRATCH_ROWS * N_LANES, np.float32)
        zero, one, two = spread(np.float32(0)), spread(np.float32(1)), np.float32(2)
        last = (chunk + 1) * n // GRADIENT_CHUNKS
        for first in range(chunk * n // GRADIENT_CHUNKS, last, N_LANES):
            count = min(N_LANES, last - first)
            gathered(means, first, count, 3, rows, 0)
            gathered(quats, first, count, 4, rows, 3)
            gathered(scales, first, count, 3, rows, 7)
            for lane in range(count):
                rows[10 * N_LANES + lane] = opacities[first + lane]
            finite = below(size(row_of(rows, 0)), spread(big))
            for row in range(1, 11):
                finite = both(finite, below(size(row_of(rows, row)), spread(big)))
            px, py, pz = (choose(finite, row_of(rows, 0), zero), choose(finite, row_of(rows, 1), zero),
                          choose(finite, row_of(rows, 2), zero))  # fmt: skip
            qw, qx = choose(finite, row_of(rows, 3), zero), choose(finite, row_of(rows, 4), zero)
            qy, qz = choose(finite, row_of(rows, 5), zero), choose(finite, row_of(rows, 6), zero)
            sx, sy, sz = (choose(finite, row_of(rows, 7), zero), choose(finite, row_of(rows, 8), zero),
                          choose(finite, row_of(rows, 9), zero))  # fmt: skip
            opacity = choose(finite, row_of(rows, 10), zero)
            x = px * cam[0] + py * cam[1] + pz * cam[2] + cam[9]
            y = px * cam[3] + py * cam[4] + pz * cam[5] + cam[10]
            z = px * cam[6] + py * cam[7] + pz * cam[8] + cam[11]
            before = both(at_least(z, spread(cam[20])), at_least(spread(cam[21]), z))
            seen = both(both(finite, before), below(zero, z))
            inverse = one / most(square_root(qw * qw + qx * qx + qy * qy + qz * qz), spread(np.float32(1e-12)))
            qw, qx, qy, qz = qw * inverse, qx * inverse, qy * inverse, qz * inverse
            iz = one / choose(seen, z, one)
            u = least(most(x * iz, spread(cam[16])), spread(cam[17]))
            v = least(most(y * iz, spread(cam[18])), spread(cam[19]))
            jx, jy = iz * cam[12], iz * cam[13]
            a0, a1, a2 = jx * (cam[0] - u * cam[6]), jx * (cam[1] - u * cam[7]), jx * (cam[2] - u * cam[8])
            b0, b1, b2 = jy * (cam[3] - v * cam[6]), jy * (cam[4] - v * cam[7]), jy * (cam[5] - v * cam[8])
            r0, r1, r2 = one - (qy * qy + qz * qz) * two, (qx * qy - qw * qz) * two, (qx * qz + qw * qy) * two
            r3, r4, r5 = (qx * qy + qw * qz) * two, one - (qx * qx + qz * qz) * two, (qy * qz - qw * qx) * two
            r6, r7, r8 = (qx * qz - qw * qy) * two, (qy * qz + qw * qx) * two, one - (qx * qx + qy * qy) * two
            p0, q0 = (a0 * r0 + a1 * r3 + a2 * r6) * sx, (b0 * r0 + b1 * r3 + b2 * r6) * sx
            p1, q1 = (a0 * r1 + a1 * r4 + a2 * r7) * sy, (b0 * r1 + b1 * r4 + b2 * r7) * sy
            p2, q2 = (a0 * r2 + a1 * r5 + a2 * r8) * sz, (b0 * r2 + b1 * r5 + b2 * r8) * sz
            xx, xy = p0 * p0 + p1 * p1 + p2 * p2, p0 * q0 + p1 * q1 + p2 * q2
            yy = q0 * q0 + q1 * q1 + q2 * q2
            n0, n1, n2 = p1 * q2 - p2 * q1, p2 * q0 - p0 * q2, p0 * q1 - p1 * q0
            det0 = n0 * n0 + n1 * n1 + n2 * n2
            det = det0 + (xx + yy + eps2d) * eps2d
            seen = both(seen, both(below(zero, det), below(det, spread(big))))
            det = choose(seen, det, one)
            if antialiased:
                opacity = opacity * square_root(det0 / det)
            x2, y2 = x * iz * cam[12] + cam[14], y * iz * cam[13] + cam[15]
            seen = both(seen, both(below(size(x2), spread(big)), below(size(y2), spread(big))))
            seen = both(seen, at_least(opacity, spread(ALPHA_MIN)))
            inverse = one / det
            if hard_edged:
                inverse = inverse * (np.float32(2 * SOLID_LOG2 / SOLID_SIGMAS**2) / LOG2_E)
                opacity = spread(np.float32(2.0**SOLID_LOG2))
            a = (yy + eps2d) * inverse * (np.float32(-0.5) * LOG2_E)
            b = xy * inverse * LOG2_E
            c = (xx + eps2d) * inverse * (np.float32(-0.5) * LOG2_E)
            keep(rows, 11, x2)
            keep(rows, 12, y2)
            keep(rows, 13, a)
            keep(rows, 14, b)
            keep(rows, 15, c)
            keep(rows, 19, choose(seen, z, zero))
            keep(rows, 20, choose(finite, one, zero))
            keep(rows, 10, choose(seen, opacity, one))
            for lane in range(count):
                rows[16 * N_LANES + lane] = np.float32(math.log2(rows[10 * N_LANES + lane]))
            reach = (row_of(rows, 16) + LOG2_255) * np.float32(4)
            reach = reach / most(a * c * np.float32(4) - b * b, spread(np.float32(1e-30)))
            keep(rows, 17, square_root(most(zero - c * reach, zero)))
            keep(rows, 18, square_root(most(zero - a * reach, zero)))
            for lane in range(count):
                i = first + lane
                keys[i] = INVISIBLE
                is_whole = rows[20 * N_LANES + lane] > np.float32(0)
                for j in range(colors.shape[1]):
                    is_whole = is_whole and abs(colors[i, j]) < big
                if not is_whole:
                    bad += 1
                elif rows[19 * N_LANES + lane] > np.float32(0):
                    for j in range(SPLAT_WIDTH):
                        splats[i, j] = rows[(11 + j) * N_LANES + lane]
                    n_box = boxed_tiles(splats, i, n_columns, n_rows)
                    if n_box > 0:
                        boxes[i] = n_box
                        keys[i] = float_bits(rows[19 * N_LANES + lane])
        n_skipped[chunk] = bad


@parallel
def project_backward(
    means, quats, scales, cam, eps2d, antialiased, radii,
    v_means2d, v_depths, v_conics, v_compensations,
    v_means, v_quats, v_scales, v_cameras,
):  # fmt: skip
    """Adds to the gradients of means, quats, scales `[N, ...]` and of the camera `[GRADIENT_CHUNKS, 12]`."""
    n = means.shape[0]
    half, one, two = np.float32(0.5), np.float32(1), np.float32(2)
    w0, w1, w2, w3, w4, w5, w6, w7, w8 = cam[0], cam[1], cam[2], cam[3], cam[4], cam[5], cam[6], cam[7], cam[8]
    for chunk in prange(GRADIENT_CHUNKS):
        sums = np.zeros(12, np.float64)
        for i in range(chunk * n // GRADIENT_CHUNKS, (chunk + 1) * n // GRADIENT_CHUNKS):
            if radii[i, 0] <= 0:
                continue
            px, py, pz = means[i, 0], means[i, 1], means[i, 2]
            sx, sy, sz = scales[i, 0], scales[i, 1], scales[i, 2]
            qw, qx, qy, qz = quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3]
            x, y, _, iz, p0, p1, p2, q0, q1, q2 = footprint(px, py, pz, qw, qx, qy, qz, sx, sy, sz, cam)
            a0, b, c0 = p0 * p0 + p1 * p1 + p2 * p2, p0 * q0 + p1 * q1 + p2 * q2, q0 * q0 + q1 * q1 + q2 * q2
            a, c = a0 + eps2d, c0 + eps2d
            det0 = spanned_area_squared(p0, p1, p2, q0, q1, q2)
            inverse_det = one / (det0 + eps2d * (a0 + c0 + eps2d))
            k0, k1, k2 = c * inverse_det, -b * inverse_det, a * inverse_det
            g0, g1, g2 = v_conics[i, 0], half * v_conics[i, 1], v_conics[i, 2]
            # the inverse's differential: dK = -K dS K
            h0, h1 = k0 * g0 + k1 * g1, k0 * g1 + k1 * g2
            h2, h3 = k1 * g0 + k2 * g1, k1 * g1 + k2 * g2
            v_a = -(h0 * k0 + h1 * k1)
            v_b = -two * (h0 * k1 + h1 * k2)
            v_c = -(h2 * k1 + h3 * k2)
            if antialiased:
                ratio = det0 * inverse_det
                if ratio > np.float32(1e-12):
                    v = v_compensations[i] * half / math.sqrt(ratio) * inverse_det
                    v_a += v * (c0 - ratio * c)
                    v_b += v * (-two * b + two * b * ratio)
                    v_c += v * (a0 - ratio * a)
            vp0, vp1, vp2 = two * v_a * p0 + v_b * q0, two * v_a * p1 + v_b * q1, two * v_a * p2 + v_b * q2
            vq0, vq1, vq2 = two * v_c * q0 + v_b * p0, two * v_c * q1 + v_b * p1, two * v_c * q2 + v_b * p2

            length = math.sqrt(qw * qw + qx * qx + qy * qy + qz * qz)
            inverse = one / max(length, np.float32(1e-12))
            qw, qx, qy, qz = qw * inverse, qx * inverse, qy * inverse, qz * inverse
            r0, r1, r2, r3, r4, r5, r6, r7, r8 = rotated(qw, qx, qy, qz)
            ux, uy = x * iz, y * iz
            u, v_ = min(max(ux, cam[16]), cam[17]), min(max(uy, cam[18]), cam[19])
            jx, jy = cam[12] * iz, cam[13] * iz
            a0_, a1_, a2_ = jx * (w0 - u * w6), jx * (w1 - u * w7), jx * (w2 - u * w8)
            b0_, b1_, b2_ = jy * (w3 - v_ * w6), jy * (w4 - v_ * w7), jy * (w5 - v_ * w8)

            # scales and rotation: p = (A R) S with A the rows of Jacobian x view
            ar0, ar1, ar2 = (
                a0_ * r0 + a1_ * r3 + a2_ * r6,
                a0_ * r1 + a1_ * r4 + a2_ * r7,
                a0_ * r2 + a1_ * r5 + a2_ * r8,
            )
            br0, br1, br2 = (
                b0_ * r0 + b1_ * r3 + b2_ * r6,
                b0_ * r1 + b1_ * r4 + b2_ * r7,
                b0_ * r2 + b1_ * r5 + b2_ * r8,
            )
            v_scales[i, 0] += ar0 * vp0 + br0 * vq0
            v_scales[i, 1] += ar1 * vp1 + br1 * vq1
            v_scales[i, 2] += ar2 * vp2 + br2 * vq2
            vp0, vp1, vp2, vq0, vq1, vq2 = vp0 * sx, vp1 * sy, vp2 * sz, vq0 * sx, vq1 * sy, vq2 * sz
            t0, t1, t2 = a0_ * vp0 + b0_ * vq0, a0_ * vp1 + b0_ * vq1, a0_ * vp2 + b0_ * vq2
            t3, t4, t5 = a1_ * vp0 + b1_ * vq0, a1_ * vp1 + b1_ * vq1, a1_ * vp2 + b1_ * vq2
            t6, t7, t8 = a2_ * vp0 + b2_ * vq0, a2_ * vp1 + b2_ * vq1, a2_ * vp2 + b2_ * vq2
            gw = two * (qx * (t7 - t5) + qy * (t2 - t6) + qz * (t3 - t1))
            gx = two * (qw * (t7 - t5) - two * qx * (t4 + t8) + qy * (t1 + t3) + qz * (t2 + t6))
            gy = two * (qw * (t2 - t6) + qx * (t1 + t3) - two * qy * (t0 + t8) + qz * (t5 + t7))
            gz = two * (qw * (t3 - t1) + qx * (t2 + t6) + qy * (t5 + t7) - two * qz * (t0 + t4))
            if length > np.float32(1e-12):
                along = gw * qw + gx * qx + gy * qy + gz * qz
                v_quats[i, 0] += (gw - along * qw) * inverse
                v_quats[i, 1] += (gx - along * qx) * inverse
                v_quats[i, 2] += (gy - along * qy) * inverse
                v_quats[i, 3] += (gz - along * qz) * inverse

            # rows of Jacobian x view: gradient through p = A (R S)
            va0, va1, va2 = (
                vp0 * r0 + vp1 * r1 + vp2 * r2,
                vp0 * r3 + vp1 * r4 + vp2 * r5,
                vp0 * r6 + vp1 * r7 + vp2 * r8,
            )
            vb0, vb1, vb2 = (
                vq0 * r0 + vq1 * r1 + vq2 * r2,
                vq0 * r3 + vq1 * r4 + vq2 * r5,
                vq0 * r6 + vq1 * r7 + vq2 * r8,
            )
            v_jx = va0 * (w0 - u * w6) + va1 * (w1 - u * w7) + va2 * (w2 - u * w8)
            v_jy = vb0 * (w3 - v_ * w6) + vb1 * (w4 - v_ * w7) + vb2 * (w5 - v_ * w8)
            v_u = -jx * (va0 * w6 + va1 * w7 + va2 * w8)
            v_v = -jy * (vb0 * w6 + vb1 * w7 + vb2 * w8)
            v_ux = v_means2d[i, 0] * cam[12]
            v_uy = v_means2d[i, 1] * cam[13]
            if ux > cam[16] and ux < cam[17]:
                v_ux += v_u
            if uy > cam[18] and uy < cam[19]:
                v_uy += v_v
            v_x, v_y = v_ux * iz, v_uy * iz
            v_z = v_depths[i] - iz * (v_ux * ux + v_uy * uy + v_jx * jx + v_jy * jy)
            v_means[i, 0] += w0 * v_x + w3 * v_y + w6 * v_z
            v_means[i, 1] += w1 * v_x + w4 * v_y + w7 * v_z
            v_means[i, 2] += w2 * v_x + w5 * v_y + w8 * v_z
            sums[0] += v_x * px + jx * va0
            sums[1] += v_x * py + jx * va1
            sums[2] += v_x * pz + jx * va2
            sums[3] += v_y * px + jy * vb0
            sums[4] += v_y * py + jy * vb1
            sums[5] += v_y * pz + jy * vb2
            sums[6] += v_z * px - jx * u * va0 - jy * v_ * vb0
            sums[7] += v_z * py - jx * u * va1 - jy * v_ * vb1
            sums[8] += v_z * pz - jx * u * va2 - jy * v_ * vb2
            sums[9] += v_x
            sums[10] += v_y
            sums[11] += v_z
        for m in range(12):
            v_cameras[chunk, m] = sums[m]
