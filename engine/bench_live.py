"""How fast the live line runs on this machine: voice in, finished pictures out, without a window."""

import time
from collections import deque
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from engine.audio.block import SAMPLE_RATE_HZ, Block
from engine.camera import Orbit
from engine.controls import Combine, ControlSchema, ControlSpec
from engine.manifest import Manifest
from engine.methods.base import Avatar
from engine.performer import Performer
from engine.raster.base import Rasterizer

FRAME_RATE_HZ = 60.0
WARM_UP_FRAMES = 20
HEAD_RADII = (0.37, 0.5, 0.45)


def bench_live(
    avatar: Avatar, rasterizer: Rasterizer, seconds: float = 10.0, size: int = 512, is_idle: bool = True,
    rate_hz: float = FRAME_RATE_HZ, in_flight: int = 0,
) -> dict[str, float]:  # fmt: skip
    """Runs the whole line as fast as it goes, over a babbling voice.

    Args:
        seconds: of sound.
        size: of the picture, pixels a side.
        rate_hz: frames for each second of sound; the line keeps up with it where `fps` is no less.
        in_flight: frames that a GPU may be at work on when the next is begun; none waits for each.

    Returns:
        Median milliseconds of `sound` (encoding what is new), `drive` (driver and mixer), `deform` (animate and
        deform), `raster`, `present` (compose and bytes), `overhead` (all but animate, deform and raster) and `frame`,
        the 95th percentile `frame_p95`, and `fps`: frames a second over the whole run. `frame` is from one picture to
        the next.
    """
    performer = Performer(avatar, rasterizer, is_live=True)
    performer.mixer.is_idle = is_idle
    camera = avatar.manifest.orbit.camera(size, size)
    voice, step = babble(seconds + 1.0), SAMPLE_RATE_HZ / rate_hz
    outs = [np.empty((size, size, 4), dtype=np.uint8) for _ in range(in_flight + 1)]
    rows, waiting = [], deque()
    for i in range(WARM_UP_FRAMES + round(seconds * rate_hz)):
        begun = time.perf_counter()
        first, last = (round(k * step) for k in (i, i + 1))
        performer.push(Block(voice[first % len(voice) :][: last - first], first / SAMPLE_RATE_HZ))
        heard = time.perf_counter()
        waiting.append(performer.begun(performer.moment(last / SAMPLE_RATE_HZ), camera, outs[i % len(outs)]))
        if len(waiting) <= in_flight:
            continue
        frame = waiting.popleft()()
        done = time.perf_counter()
        rows.append({"sound": (heard - begun) * 1e3, **frame.stages_ms, "frame": (done - begun) * 1e3})
    rows = rows[WARM_UP_FRAMES:]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    columns["overhead"] = columns["frame"] - columns["deform"] - columns["raster"]
    result = {name: float(np.median(values)) for name, values in columns.items()}
    result["frame_p95"] = float(np.percentile(columns["frame"], 95))
    result["fps"] = 1e3 / float(columns["frame"].mean())
    return result


def babble(seconds: float, seed: int = 0) -> np.ndarray:
    """A voice-like sound that says nothing: a buzz through two moving resonances, in syllables, with pauses."""
    n = round(seconds * SAMPLE_RATE_HZ)
    t = np.arange(n) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.4 * t)) / SAMPLE_RATE_HZ
    buzz = sum(np.sin(k * phase) / k for k in range(1, 24))
    tint = (
        1
        + 0.6 * np.sin(2 * np.pi * 1.3 * t) * np.sin(5 * phase)
        + 0.4 * np.sin(2 * np.pi * 2.1 * t) * np.sin(11 * phase)
    )
    syllables = np.clip(np.sin(2 * np.pi * 3.7 * t), 0, 1) * (np.sin(2 * np.pi * 0.35 * t) > -0.5)
    breath = 0.002 * np.random.default_rng(seed).standard_normal(n)
    return (0.12 * buzz * tint * syllables + breath).astype(np.float32)


def random_avatar(n_gaussians: int = 30_000, active_share: float = 1.0, seed: int = 0, device: str = "cpu") -> Avatar:
    """An EmbedTalk avatar that nobody trained: splats on a head's shape, networks of the paper's sizes.

    Args:
        active_share: part of the splats that the network moves; trained heads move a third to all of them.
    """
    from engine.audio.mel import MelEncoder
    from engine.methods.embedtalk import load
    from engine.methods.embedtalk.config import EmbedTalkConfig
    from engine.methods.embedtalk.finish import GAINS, SETTINGS
    from engine.methods.embedtalk.network import EmbedTalkNet
    from engine.parts.avatar_tensors import AvatarTensors
    from engine.parts.common_fit import COMMON_NAMES
    from engine.parts.head_pose import pose_specs
    from engine.vocabulary import AU_PRESETS

    config, encoder, units = EmbedTalkConfig(), MelEncoder(), AU_PRESETS["paper"]
    torch.manual_seed(seed)
    network = EmbedTalkNet(config, encoder.n_features, len(units))
    d = config.n_code
    schema = ControlSchema((
        *(ControlSpec(f"lip.{i:02d}", "lip", f"Lip {i}", "", -4, 4, unit="sigma", low=-3, high=3) for i in range(d)),
        *(ControlSpec(name, "au", name, combine=Combine.ADD) for name in units), *pose_specs(None), *GAINS,
    ))  # fmt: skip
    arrays = _random_splats(n_gaussians, config, active_share, seed)
    arrays |= {f"network.{name}": value.detach().numpy() for name, value in network.state_dict().items()}
    arrays |= {"basis.rest": np.zeros(d), "basis.directions": np.eye(d), "basis.sigma": np.full(d, 0.3)}
    arrays |= {"hull.mean": np.zeros(d), "hull.low": np.full(d, -3.0), "hull.high": np.full(d, 3.0)}
    arrays |= {"hull.whitening": np.eye(d), "hull.radius": np.array([9.0])}
    arrays |= {"fit.to_common": np.zeros((len(schema) + 1, len(COMMON_NAMES)))}
    arrays |= {"fit.from_common": np.zeros((len(COMMON_NAMES) + 1, len(schema)))}
    arrays |= {"fit.explained": np.zeros(len(COMMON_NAMES))}
    manifest = Manifest(
        name="Random", method="embedtalk", n_gaussians=n_gaussians, sh_degree=config.sh_degree,
        schema_rows=schema.to_json(), settings_rows=[asdict(s) for s in SETTINGS], encoders=[encoder.row()],
        camera=Orbit().to_json(), config=asdict(config) | {"units": list(units), "n_features": encoder.n_features},
    )  # fmt: skip
    return load(manifest, AvatarTensors(arrays, Path("random.avatar")), torch.device(device))


def _random_splats(n: int, config, active_share: float, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    unit = rng.normal(size=(n, 3))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    side = np.sqrt(4 * np.pi * 0.2 / n) * 0.8
    active = np.sort(rng.choice(n, max(1, round(active_share * n)), replace=False))
    return {
        "means": unit * HEAD_RADII * (1 + 0.02 * rng.normal(size=(n, 1))),
        "quats": rng.normal(size=(n, 4)),
        "log_scales": np.log(side) + 0.4 * rng.normal(size=(n, 3)),
        "opacity_logits": rng.normal(1.5, 1.5, size=n),
        "sh": 0.3 * rng.normal(size=(n, (config.sh_degree + 1) ** 2, 3)),
        "embeddings": rng.normal(size=(n, config.n_embedding)) * 0.3,
        "active": active.astype(np.int32),
        "motion_range": np.full(n, 0.01),
        "pose_weights": np.ones(n),
        "pose_pivot": np.zeros(3),
        "reference_viewmat": Orbit().camera(512, 512).viewmat,
    }
