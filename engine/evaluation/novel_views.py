"""Views training never saw, compared with what the studio's camera would have filmed there.

The avatar's dataset may be a capture of the studio's film: its cameras were then tracked, in a world of their own. The
similarity between the two worlds that best fits the cameras of all training frames takes a true camera to the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.camera import Camera, Orbit
from engine.capture.dataset import Dataset
from engine.errors import DatasetError
from engine.evaluation import metrics
from engine.evaluation.comparison import Compared, Comparison
from engine.progress import Progress
from engine.synth.casting import cast_head
from engine.synth.renderer import HeadRenderer
from engine.synth.studio import BACKGROUND, CameraMotion

YAWS_DEG = (-45.0, -30.0, -20.0, 20.0, 30.0, 45.0)
N_FRAMES = 6


@dataclass(frozen=True)
class World:
    """`y = scale * turn @ x + shift` from the film's world to the dataset's."""

    scale: float
    turn: np.ndarray
    shift: np.ndarray

    def camera(self, viewmat: np.ndarray) -> np.ndarray:
        """A camera of the film's world `[4, 4]` as one of the dataset's: the same picture."""
        there = np.eye(4)
        there[:3, :3] = viewmat[:3, :3] @ self.turn.T
        there[:3, 3] = self.scale * viewmat[:3, 3] - there[:3, :3] @ self.shift
        return there


def world_between(film: np.ndarray, tracked: np.ndarray) -> World:
    """The world in which the film's cameras come nearest to the tracked ones, `[T, 4, 4]` each."""
    u, _, v = np.linalg.svd(np.einsum("tji,tjk->ik", tracked[:, :3, :3], film[:, :3, :3]))
    turn = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ v))]) @ v
    # of a camera: R_w shift + t_w = scale t_v, linear in shift and scale
    left = np.concatenate([tracked[:, :3, :3], -film[:, :3, 3, None]], axis=2).reshape(-1, 4)
    solution = np.linalg.lstsq(left, -tracked[:, :3, 3].reshape(-1), rcond=None)[0]
    return World(float(solution[3]), turn, solution[:3])


def novel_views(
    comparison: Comparison, film: Dataset, kit: Path | None = None, yaws_deg: tuple[float, ...] = YAWS_DEG,
    n_frames: int = N_FRAMES,
) -> Iterator[Progress]:  # fmt: skip
    """Held-out moments from `yaws_deg`; the last `Progress` carries `views`: for each angle the mean `psnr_head` and
    `psnr_white` (inside the true head), and `pictures`: the middle moment's `Compared` for each angle.

    Args:
        film: the studio's film; the avatar's own dataset, or the one it was captured from frame by frame.
        kit: ICT-FaceKit's folder, where the film's head is of it.

    Raises:
        DatasetError: if the film is not of the studio or has other frames.
    """
    source, dataset = film.info.source, comparison.dataset
    if "studio" not in source or "person" not in source:
        raise DatasetError(f"{film.path}: was not filmed in the studio; true views from elsewhere are not known.")
    if film.info.n_frames < dataset.info.n_frames or film.info.fps != dataset.info.fps:
        raise DatasetError(f"{film.path}: has not the frames of {dataset.path.name}.")
    who = str(source["person"]).removeprefix("seed ")  # of the population
    renderer = HeadRenderer(cast_head(who, source["studio"], kit))
    n = dataset.info.n_train
    world = world_between(film.tracks["viewmats"][:n].astype(float), dataset.tracks["viewmats"][:n].astype(float))
    ids = dataset.test_ids if len(dataset.test_ids) else dataset.train_ids
    ids = np.unique(ids[np.linspace(0, len(ids) - 1, n_frames).astype(int)])
    background = np.array(BACKGROUND, np.float32)
    rows: dict[float, list[dict[str, float]]] = {yaw: [] for yaw in yaws_deg}
    pictures: dict[float, Compared] = {}
    for done, (index, yaw) in enumerate((i, y) for i in ids for y in yaws_deg):
        yield Progress("Looking from new angles", done, len(ids) * len(yaws_deg))
        true = _orbit(film, yaw).camera(film.info.width, film.info.height)
        shot = renderer.render(renderer.head.pose(film.tracks["arkit"][index]), true)
        own = dataset.camera(int(index))
        seen = Camera(world.camera(true.viewmat), own.k, own.width, own.height)
        made = comparison.seen_from(int(index), seen, background)
        one = Compared(int(index), shot.over(BACKGROUND).astype(np.float32) / 255, made, shot.head)
        rows[yaw].append({"psnr_head": metrics.psnr(one.made, one.truth, one.head),
                          "psnr_white": metrics.psnr(metrics.on_white(one.made, one.head),
                                                     metrics.on_white(one.truth, one.head))})  # fmt: skip
        if index == ids[len(ids) // 2]:
            pictures[yaw] = one
    views = {f"{yaw:+.0f}": {name: round(float(np.mean([row[name] for row in found])), 3) for name in found[0]}
             for yaw, found in rows.items()}  # fmt: skip
    yield Progress("Looked from new angles", values={"views": views, "pictures": pictures})


def _orbit(film: Dataset, yaw_deg: float) -> Orbit:
    motion = CameraMotion()
    middle = float(np.linalg.norm(film.tracks["viewmats"][:, :3, 3], axis=1).mean())
    return Orbit(motion.target, yaw_deg, motion.elevation_middle_deg, middle, film.camera(0).fov_deg)
