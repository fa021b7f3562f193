"""A tiny avatar with all the interfaces of a real one: a ball of splats with a mouth that opens when it is loud."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

from engine.audio.block import FEATURE_RATE_HZ, SAMPLES_PER_FEATURE, Block, Features
from engine.audio.history import FeatureHistory
from engine.camera import Camera, Orbit, pose_matrix
from engine.controls import Combine, Controls, ControlSchema, ControlSpec, SettingSpec
from engine.errors import AvatarError
from engine.gaussians import Gaussians
from engine.manifest import FORMAT, Manifest, read_manifest
from engine.methods.base import DriverInputs
from engine.parts.map_pictures import MapPicture
from engine.raster.base import Rendered

SCHEMA = ControlSchema(
    (
        ControlSpec("lip.00", "lip", "Mouth opens", minimum=-4, maximum=4, low=-2, high=2, unit="sigma"),
        ControlSpec("lip.01", "lip", "Lips round", minimum=-4, maximum=4, low=-2, high=2, unit="sigma"),
        ControlSpec("au.45", "au", "Blink"),
        ControlSpec("pose.yaw", "pose", "Turn", minimum=-30, maximum=30, low=-10, high=10, unit="deg"),
        ControlSpec("gain", "motion", "Motion gain", maximum=2, neutral=1, low=0.5, high=1.5, combine=Combine.SCALE),
    )
)
SETTINGS = (SettingSpec("is_red", "switch", False, "Red face"),)


class LoudnessEncoder:
    """One number for every 20 ms: the RMS. Streaming equals offline."""

    name, n_features, look_ahead_ms = "loudness", 1, 0.0

    def __init__(self) -> None:
        self.reset()

    def row(self) -> dict[str, Any]:
        return {"name": self.name}

    def reset(self) -> None:
        self._rest = np.zeros(0, dtype=np.float32)
        self._time = None

    def push(self, block: Block) -> Features:
        if self._time is None:
            self._time = block.time
        samples = np.concatenate([self._rest, block.samples])
        n = len(samples) // SAMPLES_PER_FEATURE
        self._rest = samples[n * SAMPLES_PER_FEATURE :]
        rows = samples[: n * SAMPLES_PER_FEATURE].reshape(n, SAMPLES_PER_FEATURE)
        times = self._time + np.arange(n) / FEATURE_RATE_HZ
        self._time += n / FEATURE_RATE_HZ
        return Features(times, np.sqrt((rows**2).mean(axis=1, keepdims=True)).astype(np.float32))

    def encode(self, samples: np.ndarray, time: float = 0.0) -> Features:
        self.reset()
        return self.push(Block(samples.astype(np.float32), time))


class LoudnessDriver:
    """Opens the mouth by the loudness of the moment and rounds the lips by what is to come, as far as it hears."""

    least_look_ahead_ms = 0.0

    def __init__(self, schema: ControlSchema, history: FeatureHistory) -> None:
        self.schema = schema
        self._history = history

    def advance(self, budget_ms: float) -> None:
        pass

    def at(self, time: float, inputs: DriverInputs) -> Controls:
        n_ahead = int(inputs.look_ahead_ms // 20)
        values, known = self._history.window(time - 0.02, 1 + n_ahead)  # the last one ends at the look-ahead
        controls = self.schema.rest()
        controls["lip.00"] = 4.0 * float(values[0, 0])
        controls["lip.01"] = float(values[known].mean()) if known.any() else 0.0
        return controls


class FakeAvatar:
    """A few hundred splats; see the module's docstring."""

    motion_hz = 25.0
    schema = SCHEMA
    settings = SETTINGS

    def __init__(self, n_gaussians: int = 300, name: str = "Fake") -> None:
        generator = torch.Generator().manual_seed(0)
        directions = torch.nn.functional.normalize(torch.randn(n_gaussians, 3, generator=generator), dim=1)
        self._means = directions * torch.tensor([0.35, 0.5, 0.4])
        self._quats = torch.tensor([1.0, 0, 0, 0]).repeat(n_gaussians, 1)
        self._scales = torch.full((n_gaussians, 3), 0.05)
        self._opacities = torch.full((n_gaussians,), 0.8)
        self._colors = 0.5 + 0.5 * directions
        self.embeddings = torch.randn(n_gaussians, 8, generator=generator)
        self.n_animated = 0
        self.manifest = Manifest(
            name=name, method="fake", n_gaussians=n_gaussians, schema_rows=SCHEMA.to_json(),
            settings_rows=[{**vars(s)} for s in SETTINGS], encoders=[{"name": "loudness"}], camera=Orbit().to_json(),
        )  # fmt: skip

    def encoders(self) -> list[LoudnessEncoder]:
        return [LoudnessEncoder()]

    def driver(self, histories: list[FeatureHistory]) -> LoudnessDriver:
        return LoudnessDriver(self.schema, histories[0])

    def animate(self, controls: Controls, settings: dict[str, Any] | None = None) -> dict[str, Any]:
        self.n_animated += 1
        return {"controls": controls.copy(), "settings": dict(settings or {})}

    def deform(self, state: dict[str, Any], camera: Camera) -> list[Gaussians]:
        controls = state["controls"]
        means = self._means.clone()
        is_jaw = (means[:, 1] < -0.1) & (means[:, 2] > 0)
        means[is_jaw, 1] -= 0.1 * controls["lip.00"] * controls["gain"]
        means[is_jaw, 0] *= 1 - 0.1 * controls["lip.01"]
        is_lid = (means[:, 1] > 0.1) & (means[:, 2] > 0)
        colors = self._colors.clone()
        colors[is_lid] *= 1 - controls["au.45"]
        if state["settings"].get("is_red"):
            colors = torch.tensor([1.0, 0, 0]).expand_as(colors)
        turn = torch.from_numpy(pose_matrix(controls["pose.yaw"], 0, 0)[:3, :3]).float()
        return [Gaussians(means @ turn.T, self._quats, self._scales, self._opacities, colors.contiguous())]

    def maps(self, state: dict[str, Any]) -> list[MapPicture]:
        image = np.zeros((20, 30, 4), np.uint8)
        image[..., 0] = np.uint8(min(255, 100 * max(0.0, state["controls"]["lip.00"])))
        image[..., 3] = 255
        return [MapPicture("Jaw", "How far it is open.", image)]

    def compose(
        self, rendered: Rendered, controls: Controls, camera: Camera, time: float,
        background: np.ndarray | None = None, settings: dict | None = None,
    ) -> np.ndarray:  # fmt: skip
        alpha = rendered.alpha[..., None]
        if background is None:
            color = rendered.color[..., :3] / np.maximum(alpha, 1e-6)
            return np.concatenate([color, alpha], axis=-1).astype(np.float32)
        color = rendered.color[..., :3] + (1 - alpha) * np.asarray(background, dtype=np.float32)
        return np.concatenate([color, np.ones_like(alpha)], axis=-1).astype(np.float32)


def save(path: Path, n_gaussians: int = 300) -> Path:
    """An `.avatar` file with a real manifest, for `load`."""
    manifest = FakeAvatar(n_gaussians, name=path.stem).manifest
    metadata = {"format": FORMAT, "manifest": manifest.model_dump_json()}
    save_file({"nothing": np.zeros(1, dtype=np.float32)}, path, metadata)
    return path


def load(path: Path, device: str = "cpu") -> FakeAvatar:
    """Stands in for `engine.avatar.load_avatar`; a file called `broken.avatar` cannot be opened."""
    if path.stem == "broken":
        raise AvatarError(f"{path}: is broken, as its name says.")
    manifest = read_manifest(path)
    return FakeAvatar(manifest.n_gaussians, name=manifest.name)
