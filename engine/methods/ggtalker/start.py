"""The map a GGTalker training starts with: what the film's pictures show, and what a visual prior knows beyond that."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional as F

from engine.camera import Camera
from engine.heads.binding import Binding
from engine.heads.linear_face import PosedFace
from engine.methods.ggtalker.decoding import COLOR
from engine.methods.ggtalker.generator import TexelView, first_map, mirrored, texel_view
from engine.methods.ggtalker.visual_prior import VisualPrior, corresponding, freed, raw_local
from engine.parts.backdrop import spread_out
from engine.synth import portraits
from engine.training.clip import Clip
from engine.training.clip_head import ClipHead

N_LOOKS = 6  # pictures that the first colours are looked up in
SEEN = 0.15  # how squarely a picture must see a texel for its colour to count
PORTRAIT_SIDE = 192
PORTRAIT_DISTANCE = float(np.mean(portraits.DISTANCES))


def looks(
    clip: Clip, head: ClipHead, face: PosedFace, expression: Tensor, binding: Binding, reference: int
) -> list[tuple[Tensor, TexelView]]:
    """Pictures of a film and where texels are in them: I_ref first, then the widest mouth and other views."""
    views = spread_out(clip.tracks["viewmats"][: clip.n_train], reference, N_LOOKS)
    found = []
    for index in (reference, int(np.argmax(clip.opening()[: clip.n_train])), *views[1:]):
        view = texel_view(binding, _posed(face, expression[index]), head.fitted.faces, clip.camera(index))
        found.append((clip.sample(index).target.movedim(-1, 0), view))
    return found


def seen_map(found: list[tuple[Tensor, TexelView]], binding: Binding, rest: np.ndarray) -> Tensor:
    """The map without a prior `[N, 14]`, of `looks`."""
    return first_map(found, mirrored(binding, rest), SEEN)


def known_map(
    prior: VisualPrior, clip: Clip, head: ClipHead, face: PosedFace, expression: Tensor, binding: Binding,
    reference: int, start_scales: Tensor, reach: Tensor,
) -> Tensor:  # fmt: skip
    """What a visual prior makes of I_ref, on the film's own head model `[N, 14]`."""
    fitted = head.fitted
    same = corresponding(prior.canvas, fitted.head, binding, fitted.rig.numbers)
    scale, turn, shift = _carried(np.asarray(fitted.head.vertices), head.face.rest)
    middle = scale * turn @ np.array(portraits.TARGET) + shift
    picture, camera = portrait(clip, reference, middle, scale)
    view = texel_view(binding, _posed(face, expression[reference]), fitted.faces, camera)
    visible = view.visible[same.back] * torch.from_numpy(same.is_near)
    with torch.no_grad():
        raw = prior.looked_at(picture, TexelView(view.places[same.back], visible))
    free = freed(raw, prior.canvas).rows(same.near, same.shares)
    rest = torch.from_numpy(head.face.rest)
    return raw_local(free, binding, rest, start_scales, reach, scale, torch.from_numpy(turn).float())


def blended(seen: Tensor, known: Tensor, found: list[tuple[Tensor, TexelView]]) -> Tensor:
    """A film's first map: colours as its pictures have them where they see a texel, all else from the prior."""
    is_seen = torch.stack([view.visible for _, view in found]).amax(dim=0) >= SEEN
    out = known.clone()
    out[:, COLOR] = torch.where(is_seen[:, None], seen[:, COLOR], known[:, COLOR])
    return out


def portrait(clip: Clip, index: int, middle: np.ndarray, scale: float) -> tuple[Tensor, Camera]:
    """A frame as the prior's portraits are framed: matted `[3, S, S]`, the head as large and in the middle.

    Args:
        middle: what the portrait looks at in the film's world; scale: a head height in it.
    """
    sample = clip.sample(index, 2)
    matted = (sample.target - (1 - sample.mask)[..., None] * sample.behind).clamp(0, 1)
    camera = clip.camera(index, 2)
    seen = camera.viewmat[:3, :3] @ middle + camera.viewmat[:3, 3]
    at = (camera.k @ seen)[:2] / seen[2]
    pixels = camera.k[1, 1] * scale / seen[2]  # of a head height
    wanted = PORTRAIT_SIDE / 2 / np.tan(np.radians(portraits.FOV_DEG / 2)) / PORTRAIT_DISTANCE
    times = wanted / pixels
    k = camera.k.copy()
    k[:2, :2] *= times
    k[:2, 2] = times * (camera.k[:2, 2] - at) + PORTRAIT_SIDE / 2
    rows = (np.arange(PORTRAIT_SIDE) + 0.5 - PORTRAIT_SIDE / 2) / times
    x, y = 2 * (rows + at[0]) / camera.width - 1, 2 * (rows + at[1]) / camera.height - 1
    grid = torch.from_numpy(np.stack(np.meshgrid(x, y), axis=-1)).float()[None]
    picture = F.grid_sample(matted.movedim(-1, 0)[None], grid, align_corners=False)[0]
    return picture, Camera(camera.viewmat, k, PORTRAIT_SIDE, PORTRAIT_SIDE)


def _posed(face: PosedFace, coefficients: Tensor) -> np.ndarray:
    with torch.no_grad():
        return face(coefficients).cpu().numpy()


def _carried(own: np.ndarray, world: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation `[3, 3]` and shift `[3]` that carry a mesh nearest to itself in another world (Umeyama 1991)."""
    a, b = own - own.mean(axis=0), world - world.mean(axis=0)
    turn = Rotation.align_vectors(b, a)[0].as_matrix()
    scale = float((b * (a @ turn.T)).sum() / (a * a).sum())
    return scale, turn, world.mean(axis=0) - scale * turn @ own.mean(axis=0)
