"""A toy talking head with known truth: a procedural puppet of Gaussians, rendered into a dataset in seconds.

An ellipsoid head with eyes, brows and a mouth. The mouth opens with the voice's loudness, lids follow a train of
blinks, the brows rise now and then, the camera sways. `alpha` films a bust on white, `plate` a head before a torso
and a wall.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import torch

from engine.audio.block import SAMPLE_RATE_HZ
from engine.audio.wav import write_wav
from engine.camera import Orbit, pose_matrix
from engine.capture.dataset import DatasetInfo, write_picture, write_tracks
from engine.raster import rasterization_for
from engine.vocabulary import ARKIT_52, ARKIT_INDEX, AU_PRESETS

FPS = 25.0
RADII = np.array([0.34, 0.5, 0.4])
MOUTH = np.array([0.0, -0.24])
EYES = np.array([[0.13, 0.1], [-0.13, 0.1]])  # the person's left eye is at the picture's right


SKIN, HAIR, LIPS = np.array([0.82, 0.6, 0.5]), np.array([0.2, 0.13, 0.1]), np.array([0.72, 0.3, 0.32])


@dataclass
class Puppet:
    """The splats of the toy head at rest and what each belongs to; `posed` moves jaw, lids, brows and corners."""

    means: np.ndarray
    colors: np.ndarray
    parts: np.ndarray  # [N] names
    scales: np.ndarray  # [N]

    def posed(self, jaw: float, lids: tuple[float, float], brow: float, smile: float) -> np.ndarray:
        means = self.means.copy()
        x, y = self.means[:, 0], self.means[:, 1]
        chin = (self.parts == "lower lip") | ((self.parts == "skin") & (y < MOUTH[1] - 0.02) & (np.abs(x) < 0.15))
        means[chin, 1] -= 0.13 * jaw * np.clip(1.2 - np.abs(x[chin]) / 0.15, 0, 1)
        lips = (self.parts == "lower lip") | (self.parts == "upper lip")
        means[lips, 1] += 0.05 * smile * (np.abs(x[lips]) / 0.1) ** 2
        for name, closed in zip(("left lid", "right lid"), lids, strict=True):
            means[self.parts == name, 1] -= 0.11 * closed
        means[self.parts == "brow", 1] += 0.05 * brow
        return means


def make_puppet(n: int = 1500, seed: int = 0, bust: bool = False) -> Puppet:
    rng = np.random.default_rng(seed)
    unit = rng.normal(size=(n, 3))
    means = unit / np.linalg.norm(unit, axis=1, keepdims=True) * RADII
    colors = SKIN + 0.03 * rng.normal(size=(n, 1))
    parts = np.full(n, "skin", dtype="U16")
    x, y, front = means[:, 0], means[:, 1], means[:, 2] > 0
    colors[(y > 0.3) | ~front] = HAIR
    parts[(y > 0.3) | ~front] = "hair"
    is_mouth = front & (np.hypot(x - MOUTH[0], (y - MOUTH[1]) * 2.2) < 0.11)
    colors[is_mouth], parts[is_mouth] = (0.15, 0.03, 0.04), "inside"
    for eye in EYES:
        ball = front & (np.hypot(x - eye[0], (y - eye[1]) * 1.6) < 0.07)
        colors[ball], parts[ball] = (0.95, 0.95, 0.95), "eye"
        colors[front & (np.hypot(x - eye[0], y - eye[1]) < 0.03)] = 0.1, 0.2, 0.3
    sheets = [(means, colors, parts)]
    m = max(n // 20, 30)
    for part, centre, size, color, lift in (
        ("upper lip", (0, MOUTH[1] + 0.025), (0.1, 0.025), LIPS, 0.02),
        ("lower lip", (0, MOUTH[1] - 0.025), (0.1, 0.03), LIPS, 0.02),
        ("left lid", EYES[0] + (0, 0.11), (0.075, 0.04), SKIN, 0.03),
        ("right lid", EYES[1] + (0, 0.11), (0.075, 0.04), SKIN, 0.03),
        ("brow", (0.13, 0.22), (0.08, 0.015), HAIR, 0.04),
        ("brow", (-0.13, 0.22), (0.08, 0.015), HAIR, 0.04),
    ):  # fmt: skip
        flat = np.array(centre) + rng.uniform(-1, 1, size=(m, 2)) * size
        sheets.append((_on_face(flat, lift), np.tile(color, (m, 1)), np.full(m, part, dtype="U16")))
    if bust:
        m = n // 3
        side = rng.uniform(-1, 1, size=(m, 2))
        depth = 0.2 * rng.uniform(-1, 1, m) - 0.1
        body = np.stack([0.6 * side[:, 0], -0.62 - 0.35 * np.abs(side[:, 1]), depth], axis=1)
        sheets.append((body, np.tile([0.2, 0.3, 0.5], (m, 1)), np.full(m, "body", dtype="U16")))
    means, colors, parts = (np.concatenate(rows) for rows in zip(*sheets, strict=True))
    spacing = np.sqrt(4 * np.pi * 0.17 / n)
    scales = np.where(np.isin(parts, ("skin", "hair", "body")), 0.65 * spacing, 0.016)
    return Puppet(means, np.clip(colors, 0, 1), parts, scales)


def _on_face(flat: np.ndarray, lift: float) -> np.ndarray:
    """Points of the picture plane `[M, 2]` put on the front of the head, a little above its surface."""
    depth = np.sqrt(np.clip(1 - (flat[:, 0] / RADII[0]) ** 2 - (flat[:, 1] / RADII[1]) ** 2, 0, 1))
    return np.concatenate([flat, (RADII[2] * depth + lift)[:, None]], axis=1)


def toy_voice(seconds: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Syllables of a buzzing voice at 16 kHz and their loudness 0 to 1 at every sample."""
    rng = np.random.default_rng(seed)
    n = int(seconds * SAMPLE_RATE_HZ)
    loudness = np.zeros(n)
    at = 0.2
    while at < seconds - 0.3:
        length, height = rng.uniform(0.12, 0.3), rng.uniform(0.4, 1.0)
        first, last = int(at * SAMPLE_RATE_HZ), int((at + length) * SAMPLE_RATE_HZ)
        loudness[first:last] = np.maximum(
            loudness[first:last], height * np.sin(np.pi * np.linspace(0, 1, last - first))
        )
        at += length * rng.uniform(0.8, 1.2) + (rng.uniform(0.2, 0.5) if rng.random() < 0.3 else 0.0)
    t = np.arange(n) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * np.cumsum(140 + 15 * np.sin(2 * np.pi * 0.7 * t)) / SAMPLE_RATE_HZ
    voice = sum(np.sin(k * phase) / k for k in range(1, 16)) * 0.12
    voice = voice * loudness + 1e-4 * rng.standard_normal(n)
    return voice.astype(np.float32), loudness


def make_toy_dataset(
    folder: Path, size: int = 96, n_frames: int = 60, background: str = "plate", seed: int = 0, n: int = 1500,
    with_shapes: bool = False,
) -> Path:  # fmt: skip
    """Writes the toy head's dataset into a folder that does not exist yet and returns it; `with_shapes` it tells how
    its points move, as a studio's film does."""
    with one_thread():
        return _filmed(folder, size, n_frames, background, seed, n, with_shapes)


def _filmed(folder: Path, size: int, n_frames: int, background: str, seed: int, n: int, with_shapes: bool) -> Path:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    times = np.arange(n_frames) / FPS
    voice, loudness = toy_voice(n_frames / FPS + 0.2, seed)
    dropped = _pulses(times, rng, 1.9, 0.2)  # the jaw drops on its own now and then: what au.26 is
    jaw = np.array([loudness[int((t + 0.02) * SAMPLE_RATE_HZ)] for t in times]) + 0.5 * dropped
    lids = np.stack([_pulses(times, rng, 1.2, 0.12), np.zeros(n_frames)], axis=1)
    lids[:, 1] = lids[:, 0]
    wink = _pulses(times, rng, 2.5, 0.15)
    lids[:, 0] = np.maximum(lids[:, 0], wink)
    brow, smile = _pulses(times, rng, 1.5, 0.3), _pulses(times, rng, 1.7, 0.4)
    puppet = make_puppet(n, seed, bust=background == "alpha")
    behind = _wall(size) if background == "plate" else np.ones((size, size, 3))
    viewmats, ks, landmarks, boxes = [], [], [], []
    sway = np.stack([3 * np.sin(2 * np.pi * times / 2.1), 2 * np.sin(2 * np.pi * times / 1.6),
                     np.sin(2 * np.pi * times / 2.9)], axis=1)  # fmt: skip
    for i in range(n_frames):
        if background == "alpha":
            angles = 40 * np.sin(2 * np.pi * i / n_frames), 8 * np.sin(np.pi * times[i])
            camera = Orbit((0, -0.1, 0), *angles, 4.5, 17.0).camera(size, size)
        else:
            camera = Orbit((0, -0.05, 0), 0, 0, 4.5, 18.0).camera(size, size).moved(pose_matrix(*sway[i]))
        means = puppet.posed(jaw[i], tuple(lids[i]), brow[i], smile[i])
        color, alpha = _rendered(means, puppet.colors, puppet.scales, camera)
        write_picture(folder / "frames" / f"{i:06d}.png", color + (1 - alpha) * behind)
        person = np.repeat(alpha, 3, axis=2)
        if background == "plate":
            person[..., 1] = 0
            write_picture(folder / "torso" / f"{i:06d}.png", behind)
        write_picture(folder / "masks" / f"{i:06d}.png", person)
        spots = camera.k @ (camera.viewmat[:3, :3] @ _spots().T + camera.viewmat[:3, 3:])
        spots = (spots[:2] / spots[2]).T
        landmarks.append(np.concatenate([spots, np.zeros((len(spots), 1))], axis=1))
        boxes.append(_square(spots[:4]))
        viewmats.append(camera.viewmat)
        ks.append(camera.k)
    arkit = np.zeros((n_frames, 52), np.float32)
    for name, track in {
        "jawOpen": jaw, "eyeBlinkLeft": lids[:, 0], "eyeBlinkRight": lids[:, 1], "browInnerUp": brow,
        "mouthSmileLeft": smile, "mouthSmileRight": smile,
    }.items():  # fmt: skip
        arkit[:, ARKIT_INDEX[name]] = track
    assert len(ARKIT_52) == 52
    names = list(AU_PRESETS["shipped"])
    tracks = {"au.01": brow, "au.12": smile, "au.26": 0.5 * dropped, "au.45l": lids[:, 0], "au.45r": lids[:, 1]}
    aus = np.stack([tracks.get(name, np.zeros(n_frames)) for name in names], axis=1)
    if background == "plate":
        write_picture(folder / "plate.png", behind)
    write_wav(folder / "audio.wav", voice, SAMPLE_RATE_HZ)
    info = DatasetInfo(
        name="toy", width=size, height=size, fps=FPS, n_frames=n_frames, n_train=n_frames * 10 // 11,
        background=background, au_names=names, exact=True,
    )  # fmt: skip
    write_tracks(folder, info, {
        "times": times, "viewmats": np.array(viewmats), "ks": np.array(ks), "arkit": arkit,
        "aus": aus.astype(np.float32), "ear": (0.3 * (1 - lids)).astype(np.float32),
        "landmarks": np.array(landmarks, dtype=np.float32), "lip_boxes": np.array(boxes, dtype=np.float32),
        "tracked": np.ones(n_frames, np.float32), "points": puppet.means.astype(np.float32),
        "colors": puppet.colors.astype(np.float32),
        **({"point_shapes": _shapes(puppet)} if with_shapes else {}),
    })  # fmt: skip
    return folder


def _shapes(puppet: Puppet) -> np.ndarray:
    shapes = np.zeros((len(ARKIT_52), *puppet.means.shape), np.float16)
    for names, moved in (
        (("jawOpen",), (1.0, (0.0, 0.0), 0.0, 0.0)), (("eyeBlinkLeft",), (0.0, (1.0, 0.0), 0.0, 0.0)),
        (("eyeBlinkRight",), (0.0, (0.0, 1.0), 0.0, 0.0)), (("browInnerUp",), (0.0, (0.0, 0.0), 1.0, 0.0)),
        (("mouthSmileLeft", "mouthSmileRight"), (0.0, (0.0, 0.0), 0.0, 1.0)),
    ):  # fmt: skip
        for name in names:
            shapes[ARKIT_INDEX[name]] = (puppet.posed(*moved) - puppet.means) / len(names)
    return shapes


def _rendered(means, colors, scales, camera):
    tensors = [torch.tensor(a, dtype=torch.float32) for a in (means, colors, camera.viewmat, camera.k, scales)]
    n = len(means)
    color, alpha, _ = rasterization_for("cpu")(
        tensors[0], torch.tensor([[1.0, 0, 0, 0]]).repeat(n, 1), tensors[4][:, None].repeat(1, 3),
        torch.full((n,), 0.95), tensors[1], tensors[2][None], tensors[3][None], camera.width, camera.height,
    )  # fmt: skip
    return color[0].numpy(), alpha[0].numpy()


def _pulses(times: np.ndarray, rng: np.random.Generator, every_s: float, width_s: float) -> np.ndarray:
    track = np.zeros(len(times))
    at = rng.uniform(0.2, every_s)
    while at < times[-1]:
        track = np.maximum(track, np.clip(1 - np.abs(times - at) / width_s, 0, 1))
        at += rng.uniform(0.7, 1.3) * every_s
    return track


def _wall(size: int) -> np.ndarray:
    y, x = np.mgrid[0:size, 0:size] / size
    wall = np.stack([0.35 + 0.2 * x, 0.4 + 0.2 * y, 0.5 + 0 * x], axis=-1)
    wall[(np.abs(x - 0.5) < 0.4 * np.clip((y - 0.72) * 4, 0, 1))] = 0.2, 0.25, 0.4
    return wall


def _spots() -> np.ndarray:
    """Landmarks in the world: four of the lips first, then eyes, brows and the outline."""
    flat = [(-0.1, -0.24), (0.1, -0.24), (0, -0.2), (0, -0.29), (0.13, 0.1), (-0.13, 0.1), (0.13, 0.21), (-0.13, 0.21),
            (0.3, 0.05), (-0.3, 0.05), (0, -0.45), (0, 0.32), (0.22, -0.3), (-0.22, -0.3)]  # fmt: skip
    return _on_face(np.array(flat), 0.0)


def _square(spots: np.ndarray) -> list[float]:
    centre, side = (spots.min(axis=0) + spots.max(axis=0)) / 2, np.ptp(spots, axis=0).max() / 2
    return [centre[1] - side, centre[1] + side, centre[0] - side, centre[0] + side]


TOY_CONFIG = {
    "au_set": "shipped", "n_points": 700, "max_gaussians": 1200, "sound_variants": 1, "n_hidden": 32,
    "active_pixels": 0.0, "warm_up": 1000, "rate_network": (2e-3, 2e-4),
}  # fmt: skip


TOY_CONFIGS = {
    "embedtalk": TOY_CONFIG,
    "gaussiantalker": {
        "encoder": "mel", "n_points": 700, "max_gaussians": 1200, "sound_variants": 1, "n_channels": 8,
        "resolutions": (16, 32),
        "n_hidden": 32, "batch": 1, "extent": 1.0, "rate_network": (2e-3, 2e-4), "rate_planes": (1e-2, 1e-3),
        "colors_from_points": True, "plane_waves": True, "position_scale": 0.1, "dropout": 0.0, "still_pixels": 0.0,
        "sh_degree": 1,
        "canonical_until": 6_000, "open_every": 7, "view_swap": 0.5, "prune_radius_px": 1e4, "prune_scale": 0.35,
        "lambda_silence": 1e-2, "lambda_separate": 1e-2, "deform_all": False,
    },
    "dgtalker": {
        "prior": "none", "resolution": 32, "channel_base": 512, "grid": 34, "sound_variants": 1, "n_hidden": 32,
        "batch_latents": 1, "batch_tuning": 1, "batch_learning": 1, "rate": 3e-3, "rate_latents": 1e-2,
        "rate_frames": 1e-2,
        "tuning_until": 45_000, "basis_start": "latents", "taught_steps": 30, "lambda_l2": 10.0,
        "lambda_perceptual": 0.3, "mouth_open_every": 7, "fade": 0.1,
    },
    "ggtalker": {
        "head": "house", "visual_prior": "none", "side": 40, "sound_variants": 1, "width": 32, "n_layers": 2,
        "n_heads": 2, "n_hidden": 64, "n_encoder_layers": 1, "n_speaker": 8, "n_positions": 24, "dropout": 0.0,
        "n_steps": 100, "history": 6, "live_steps": 2, "voice_batch": 8, "batch": 1, "inpainter_base": 4,
        "mouth_open_every": 7, "rate_voice": 1e-2, "rate_network": 1e-3, "voice_until": 9_000, "map_until": 11_000,
        "fit_until": 13_500,
    },
    "talk2me": {
        "head": "tracked", "encoder": "mel", "n_points": 700, "n_mouth": 40, "sound_variants": 1, "n_code": 32,
        "width": 32, "pose_width": 16, "n_behind": 12, "n_around": 2, "n_hidden": 32, "n_sound_code": 16, "n_factor": 8,
        "n_fused": 32, "dropout": 0.0, "batch_expression": 4, "adversarial_from": 8_000, "lambda_lips": 0.2,
        "lambda_separate": 1e-2, "open_every": 7, "still_pixels": 0.0, "rate_network": (2e-3, 2e-4),
        "rate_place": (2e-3, 2e-4), "rate_expression": (2e-3, 2e-4), "rate_features": 2.5e-3, "rate_scale": 5e-3,
        "rate_quat": 1e-3, "rate_opacity": 0.03, "rate_color": 0.02,
    },
}  # fmt: skip
"""Settings with which each method learns the toy head in seconds."""

ON_A_HEAD = ("ggtalker",)
"""Methods that need a head model fitted to the film."""


def write_toy_fit(dataset: Path) -> Path:
    """Fits the house head to a toy dataset: exactly, since its tracks are the truth."""
    from engine.capture.dataset import Dataset
    from engine.fitting.fitted import FittedHead, fit_path
    from engine.fitting.rigs import rig

    path, clip, model = fit_path(dataset, "house"), Dataset(dataset), rig("house")
    if not path.is_file():
        identity = np.zeros(len(model.identity_names))
        head = model.head(identity)
        FittedHead(
            model, head, identity, np.zeros_like(head.vertices), clip.tracks["arkit"].astype(float),
            clip.tracks["viewmats"], clip.tracks["ks"][0], clip.times, (clip.info.width, clip.info.height), {},
        ).save(path)  # fmt: skip
    return path


def train_toy(
    dataset: Path, out: Path, method: str, iterations: int = 120, device: str = "cpu", **config
) -> Path:  # fmt: skip
    """Trains a small avatar of a toy dataset and returns its path."""
    from engine.training.trainer import train

    if method in ON_A_HEAD:
        write_toy_fit(dataset)
    with one_thread():
        for _ in train(dataset, method, out, iterations=iterations, device=device, config=TOY_CONFIGS[method] | config):
            pass
    return out


def loaded_clip(dataset: Path):
    """A dataset as a training loads it, heard by mel bands."""
    from engine.audio.encoders import make_encoder
    from engine.capture.dataset import Dataset
    from engine.training.clip import Clip

    made = Clip(Dataset(dataset), make_encoder({"name": "mel"}), 1)
    for _ in made.load():
        pass
    return made


@contextlib.contextmanager
def one_thread():
    """Tiny sizes gain nothing from threads, and lose much where other programs are busy."""
    n_torch, n_numba = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_torch)
        numba.set_num_threads(n_numba)
