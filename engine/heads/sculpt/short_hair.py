"""Short styles: a crop swept aside, back or forward, a buzz cut, curls."""

from functools import partial

import numpy as np

from engine.heads.sculpt.fields import ramp
from engine.heads.sculpt.scalp import Grown, Scalp, beard_area, clumps, gather, hairline, unit, within_surface

SWEEPS = {
    # direction on top, and what is added along the forehead
    "aside": ((0.55, 0.05, 0.45), (0.50, 0.55, -0.40)),
    "back": ((0.12, 0.10, -0.70), (0.05, 0.95, -0.55)),
    "forward": ((0.10, -0.05, 0.80), (0.05, -0.35, 0.30)),
}


def crop(
    scalp: Scalp,
    length: float = 1.0,
    sweep: str = "aside",
    seed: int = 3,
    count: int = 15000,
) -> Grown:
    """Short hair: tight at the sides and nape, longer and swept on top."""
    rng = np.random.default_rng(seed)
    roots = scalp.sample_roots(count, rng)
    n = len(roots)
    normal = scalp.direction(roots)
    clump = clumps(roots, 420, 2.5, rng)
    y, z = roots[:, 1], roots[:, 2]
    top = ramp(40, 72, y + 0.10 * z)
    front, back = ramp(0, 55, z) * top, ramp(5, -60, z)
    lock = rng.normal(0, 0.30, (420, 3))[clump]
    over, along_forehead = SWEEPS[sweep]
    flow = top[:, None] * np.array(over) + front[:, None] * np.array(along_forehead)
    flow += (1 - top)[:, None] * np.stack([0 * y, -1.0 + 0 * y, -0.35 - 0.2 * back], 1)
    flow += lock * (0.35 + 0.65 * top)[:, None] + rng.normal(0, 0.10, roots.shape)
    flow = within_surface(flow, normal)
    rise = hairline(roots)
    long = (4.5 + 2.5 * ramp(10, 45, rise)) * (1 - top) + (17 + 13 * front) * top + 4.0 * back * (1 - top)
    long = long * np.clip(0.35 + rise / 30, 0.35, 1) * (0.72 + 0.5 * rng.random(n)) * length
    lift = (0.30 * (1 - top) + (0.62 + 0.42 * front) * top) * (0.55 + 0.6 * rng.random(n))
    s = np.linspace(0, 1, 7)[None, :, None]
    points = roots[:, None] + (normal * (lift * long)[:, None])[:, None] * (1.25 * s - 0.72 * s * s)
    points = points + (flow * long[:, None])[:, None] * (0.25 * s + 0.72 * s * s)
    points = scalp.outside(gather(points, clump, 0.42 * top * (0.6 + 0.4 * rng.random(n))), 0.5)
    shell = normal[:, None] + 0.35 * (points - roots[:, None]) / np.maximum(long, 1)[:, None, None]
    shell = unit(shell + 0.55 * (lock * top[:, None])[:, None])
    tint = (0.80 + 0.36 * rng.random(420)[clump]) * (0.82 + 0.36 * rng.random(n))
    width = (0.62 + 0.35 * rng.random(n))[:, None] * np.clip(1.15 - s[..., 0], 0.22, 1)
    opacity = (0.85 * np.clip(0.30 + rise / 14, 0.30, 1))[:, None] * np.clip(1.45 - 1.1 * s[..., 0], 0.25, 1)
    return Grown(points, shell, tint[:, None] * (0.62 + 0.5 * s[..., 0]), width, opacity, 0.55 + 0.5 * rng.random(n))


def buzz(scalp: Scalp, length: float = 1.0, seed: int = 5, count: int = 19000) -> Grown:
    """A few millimetres all over."""
    rng = np.random.default_rng(seed)
    roots = scalp.sample_roots(count, rng)
    n = len(roots)
    normal = scalp.direction(roots)
    forward = np.array([0.0, -0.4, 0.7]) * ramp(40, 70, roots[:, 1])[:, None] + np.array([0, -1.0, -0.2])
    flow = within_surface(forward + rng.normal(0, 0.35, roots.shape), normal)
    long = (2.4 + 2.2 * rng.random(n)) * length * np.clip(0.5 + hairline(roots) / 20, 0.5, 1)
    s = np.linspace(0, 1, 3)[None, :, None]
    points = (
        roots[:, None] + (normal * 0.75 * long[:, None])[:, None] * s + (flow * 0.8 * long[:, None])[:, None] * s * s
    )
    tint = (0.75 + 0.45 * rng.random(n))[:, None] * (0.75 + 0.35 * s[..., 0])
    width = np.full((n, 3), 0.62) * np.clip(1.2 - 0.6 * s[..., 0], 0.4, 1)
    opacity = (0.62 * np.clip(0.25 + hairline(roots) / 16, 0.25, 1))[:, None] * np.clip(1.2 - 0.5 * s[..., 0], 0.4, 1)
    return Grown(points, np.repeat(normal[:, None], 3, 1), tint, width, opacity, np.full(n, 0.35))


def curls(scalp: Scalp, length: float = 1.0, seed: int = 7, count: int = 6500) -> Grown:
    """Tight curls standing away from the head, shorter at the temples and the nape."""
    rng = np.random.default_rng(seed)
    roots = scalp.sample_roots(count, rng)
    n = len(roots)
    normal = scalp.direction(roots)
    clump = clumps(roots, 520, 1.0, rng)
    top = ramp(15, 70, roots[:, 1])
    rise = hairline(roots)
    reach = (9 + 17 * top) * np.clip(0.35 + rise / 26, 0.35, 1) * (0.7 + 0.5 * rng.random(n)) * length
    lean = unit(normal + rng.normal(0, 0.22, (520, 3))[clump] + np.array([0, -0.18, 0.06]) * (1 - top)[:, None])
    across = unit(np.cross(lean, rng.normal(0, 1, (520, 3))[clump] + 0.15 * rng.normal(0, 1, roots.shape)))
    beside = np.cross(lean, across)
    s = np.linspace(0, 1, 14)[None]
    turns = (2.1 + 0.9 * rng.random(520)[clump])[:, None] * 2 * np.pi
    angle = s * turns + (rng.random(520)[clump] * 6.28 + 0.5 * rng.normal(0, 1, n))[:, None]
    radius = (2.6 + 1.2 * rng.random(n))[:, None] * np.minimum(1, 3 * s)
    coil = np.cos(angle)[..., None] * across[:, None] + np.sin(angle)[..., None] * beside[:, None]
    points = roots[:, None] + lean[:, None] * (reach[:, None] * s)[..., None] + coil * radius[..., None]
    points = scalp.outside(gather(points, clump, 0.25 * np.ones(n)), 0.4)
    shell = unit(0.8 * lean[:, None] + 0.6 * coil)
    tint = (0.72 + 0.45 * rng.random(n))[:, None] * (0.5 + 0.6 * s)
    width = np.full((n, 14), 0.78) * np.clip(1.15 - 0.5 * s, 0.3, 1)
    opacity = (0.9 * np.clip(0.3 + rise / 12, 0.3, 1))[:, None] * np.clip(1.5 - 0.9 * s, 0.4, 1)
    return Grown(points, shell, tint, width, opacity, 0.45 + 0.4 * rng.random(n))


def stubble(scalp: Scalp, amount: float, seed: int = 13, count: int = 15000) -> Grown:
    """A short beard; `amount` 0 to 1 makes it denser and longer."""
    rng = np.random.default_rng(seed)
    middle = scalp.vertices[scalp.faces].mean(1)
    weight = beard_area(middle)
    chosen = scalp.faces[weight > 0.05]
    corners = scalp.vertices[chosen]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    share = area * weight[weight > 0.05]
    picked = rng.choice(len(chosen), int(count * (0.4 + 0.6 * amount)), p=share / share.sum())
    u = rng.dirichlet((1, 1, 1), len(picked))
    roots = np.einsum("nk,nkc->nc", u, corners[picked])
    n = len(roots)
    normal = scalp.direction(roots)
    flow = within_surface(
        np.stack([0.15 * np.sign(roots[:, 0]), -np.ones(n), 0 * roots[:, 2]], 1) + rng.normal(0, 0.35, roots.shape),
        normal,
    )
    long = (0.7 + 1.6 * amount) * (0.6 + 0.8 * rng.random(n))
    s = np.linspace(0, 1, 3)[None, :, None]
    points = roots[:, None] + (normal * 0.5 * long[:, None])[:, None] * s + (flow * long[:, None])[:, None] * s
    tint = np.repeat((0.7 + 0.5 * rng.random(n))[:, None], 3, 1)
    opacity = (0.42 * (0.4 + 0.6 * amount) * np.clip(0.2 + 1.2 * beard_area(roots), 0, 1))[:, None] * np.array(
        [0.8, 1, 0.5]
    )
    return Grown(points, np.repeat(normal[:, None], 3, 1), tint, np.full((n, 3), 0.30), opacity, np.full(n, 0.25))


quiff = partial(crop, sweep="back")
fringe = partial(crop, sweep="forward")
