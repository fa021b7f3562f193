"""Which part of the head each splat at rest belongs to, told by place, by what lips and lids move, and by colour."""

from dataclasses import dataclass, replace

import numpy as np

from engine.inspection.facts import REGIONS

LEAF = {path.rsplit("/", 1)[-1]: index for index, path in enumerate(REGIONS)}
SHIFT_LIMIT = 0.05  # head heights a part of the face may lie off the average head's place
LOOKED_AROUND = 0.13  # head heights round that place in which movement tells where the part is
LIP_DEPTH = 0.03  # head heights behind the lips' surface where the inside of the mouth begins


@dataclass(frozen=True)
class FacePlan:
    """Where a face's parts lie, seen from the front, in head heights; the numbers are of an average made head."""

    eye: tuple[float, float] = (0.153, 0.02)  # the person's left; the right one is its mirror
    eye_radii: tuple[float, float] = (0.1, 0.05)
    brow_y: float = 0.117
    brow_x: tuple[float, float] = (0.05, 0.28)
    brow_height: float = 0.04
    mouth: tuple[float, float] = (0.0, -0.256)
    mouth_radii: tuple[float, float] = (0.115, 0.055)
    chin_y: float = -0.43
    oval: tuple[float, float] = (0.0, -0.09)
    oval_radii: tuple[float, float] = (0.34, 0.36)

    def fitted(self, lips: np.ndarray | None, left_eye: np.ndarray | None) -> "FacePlan":
        """The plan moved to where an avatar's own lips and left eye are, `[2]` each; what is not known stays."""
        plan = self
        if lips is not None:
            down = float(lips[1]) - self.mouth[1]
            plan = replace(
                plan, mouth=(float(np.clip(lips[0], -0.05, 0.05)), float(lips[1])), chin_y=self.chin_y + down
            )
        if left_eye is not None:
            up = float(left_eye[1]) - self.eye[1]
            plan = replace(plan, eye=(float(left_eye[0]), float(left_eye[1])), brow_y=self.brow_y + up)
        return plan


def moved_middle(means: np.ndarray, moved: np.ndarray, near: tuple[float, float]) -> np.ndarray | None:
    """Middle `[2]` of what moves most round a place on the front of the face; None when little moves there.

    Args:
        means: `[N, 3]`; moved: how far each splat moves, `[N]`; near: where it is looked for.
    """
    around = (means[:, 2] > 0.05) & (np.abs(means[:, :2] - np.array(near)).max(axis=1) < LOOKED_AROUND)
    if around.sum() < 20 or moved[around].max(initial=0.0) <= 0:
        return None
    weight = np.where(around & (moved >= np.quantile(moved[around], 0.9)), moved, 0.0).astype(np.float64)
    middle = (means[:, :2] * weight[:, None]).sum(axis=0) / weight.sum()
    return np.array(near) + np.clip(middle - np.array(near), -SHIFT_LIMIT, SHIFT_LIMIT)


def classify(means: np.ndarray, colors: np.ndarray, loose: np.ndarray, plan: FacePlan) -> np.ndarray:
    """A region for each splat, uint8 `[N]`, index into `REGIONS`.

    Args:
        means: `[N, 3]` at rest; colors: `[N, 3]`, 0 to 1; loose: bool `[N]`, what touches nothing.
    """
    x, y, z = means.T
    front = z > 0.05
    oval = _ellipse(x, y, plan.oval, plan.oval_radii) & front
    labels = np.full(len(means), LEAF["Hair"], dtype=np.uint8)
    skin = _skin_color(colors, oval & (y < plan.eye[1] - 0.05) & (y > plan.mouth[1] + 0.1))
    is_skin = np.abs(colors - skin).sum(axis=1) < 0.45
    labels[oval | (is_skin & (y < 0.3))] = LEAF["Skin"]
    labels[(y > plan.oval[1] + 0.6 * plan.oval_radii[1]) & ~is_skin] = LEAF["Hair"]
    labels[y < plan.chin_y - 0.02] = LEAF["Neck"]
    labels[y < plan.chin_y - 0.2] = LEAF["Shoulders"]
    labels[(y < plan.chin_y - 0.02) & (np.abs(x) > 0.3)] = LEAF["Shoulders"]
    ax = np.abs(x)
    brow = front & (ax > plan.brow_x[0]) & (ax < plan.brow_x[1]) & (np.abs(y - plan.brow_y) < plan.brow_height)
    labels[brow] = LEAF["Brows"]
    eyes = front & _ellipse(ax, y, plan.eye, plan.eye_radii)
    labels[eyes & (x > 0)], labels[eyes & (x <= 0)] = LEAF["Left eye"], LEAF["Right eye"]
    _label_mouth(labels, means, plan)
    labels[loose] = LEAF["Loose"]
    return labels


def _label_mouth(labels: np.ndarray, means: np.ndarray, plan: FacePlan) -> None:
    x, y, z = means.T
    lips = (z > 0.05) & _ellipse(x, y, plan.mouth, plan.mouth_radii)
    if not lips.any():
        return
    bins = np.clip(((x - plan.mouth[0]) / plan.mouth_radii[0] * 4 + 4).astype(int), 0, 7)
    surface = np.array([np.quantile(z[lips & (bins == b)], 0.8) if (lips & (bins == b)).any() else 0 for b in range(8)])
    behind = lips & (z < surface[bins] - LIP_DEPTH)
    labels[lips] = LEAF["Lips"]
    labels[behind] = LEAF["Teeth and tongue"]
    width = plan.mouth_radii[0]
    corner = np.hypot(np.abs(x - plan.mouth[0]) - width, y - plan.mouth[1]) < 0.35 * width
    labels[corner & (z > 0.05) & ~behind] = LEAF["Corners"]


def _skin_color(colors: np.ndarray, cheeks: np.ndarray) -> np.ndarray:
    return np.median(colors[cheeks] if cheeks.any() else colors, axis=0)


def _ellipse(x: np.ndarray, y: np.ndarray, middle: tuple[float, float], radii: tuple[float, float]) -> np.ndarray:
    return ((x - middle[0]) / radii[0]) ** 2 + ((y - middle[1]) / radii[1]) ** 2 < 1
