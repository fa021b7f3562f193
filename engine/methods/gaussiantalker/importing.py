"""A checkpoint of the public GaussianTalker code becomes an avatar: exactly, but for the ear of a DeepSpeech model.

The tracker's world is scaled and moved to ours, with the offsets of positions, the planes' box and, since the camera
code is linear in it, the first layer of the view token. A model that hears HuBERT keeps its audio net. One that hears
DeepSpeech, for which this program has no encoder, gets a new one: an audio net on our features that learns to say of
the training voice what the old one said.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.audio.block import AudioEncoder
from engine.audio.encoders import make_encoder
from engine.audio.wav import read_sound
from engine.avatar import save_avatar
from engine.camera import Camera
from engine.capture.dataset import DatasetInfo
from engine.errors import AvatarError, DatasetError
from engine.methods.gaussiantalker.config import GaussianTalkerConfig
from engine.methods.gaussiantalker.finish import packed, settled
from engine.methods.gaussiantalker.network import N_VIEW, GaussianTalkerNet, Offsets, view_codes
from engine.methods.gaussiantalker.released import FPS, Released, ReleasedData, read_released, read_released_data
from engine.parts.audio_net import AudioAttention, AudioCoder, AudioNet
from engine.progress import Progress
from engine.training.coded_avatar import finish_coded
from engine.training.hearing import Hearing, resting_frames
from engine.training.thumbnail import thumbnail
from engine.training.views import frontal_index
from engine.training.voice import hear
from engine.vocabulary import ARKIT_52, ARKIT_INDEX

BLINK = "au.45"  # all the public code hears of the face
N_HEADS = 2  # not stored in the files; that of the published configurations
N_MOMENTS = 32
ENCODER = "phones"  # what an avatar hears whose own encoder this program has not
STILL_PIXELS = 0.06
RELEARN_STEPS, RELEARN_BATCH = 1500, 24
RELEARN_RATES = (2e-3, 1e-4)
FRAMES_BEFORE, FRAMES_AFTER = 4, 4  # frames the audio attention reads: i - 4 to i + 3


def import_released(model: Path, data: Path, out: Path, name: str | None = None, seed: int = 0) -> Iterator[Progress]:
    """Reads a model and the data folder it was trained on and writes `out`.

    Raises:
        AvatarError, DatasetError: if a file is missing, damaged or does not fit the others.
        OutputError: if `out` cannot be written.
    """
    yield Progress("Reading the model")
    released, source = read_released(model), read_released_data(data)
    world = World.of(released)
    capture = ImportedCapture(source, world, name or Path(model).name)
    config = _config(released)
    networks = _networks(released, config, world)
    codes = released_codes(released, source.features)
    yield from _give_ear(networks, released, capture, codes, seed)
    yield Progress("Finding what moves")
    splats = world.splats(released)
    viewmats = torch.tensor(capture.tracks["viewmats"], dtype=torch.float32)
    rows = torch.arange(len(splats["means"]))
    ids = np.unique(np.linspace(0, capture.n_train - 1, N_MOMENTS).astype(int))

    def moments():
        features = networks.triplane(means)
        for i in ids:
            conditions = codes[i : i + 1], capture.blinks[i : i + 1], view_codes(viewmats[i : i + 1])
            tokens = networks.tokens(*(torch.as_tensor(c) for c in conditions))
            yield Offsets(*(value[0] for value in networks.deformation(features, tokens)[0]))

    with torch.no_grad():
        means = splats["means"].clone()
        motion, active, splats = settled(splats, rows, moments, STILL_PIXELS * capture.pixel())
    packed_model = packed(config, networks.state_dict(), splats, motion, active, codes.numpy(), capture.resting,
                          (BLINK,), capture.blinks, False, {"imported": "GaussianTalker"})  # fmt: skip
    reference = frontal_index(capture.tracks["viewmats"])
    finished = finish_coded(capture, packed_model, viewmats, reference)
    finished.manifest.thumbnail = thumbnail("gaussiantalker", finished.manifest, finished.tensors)
    save_avatar(Path(out), finished.manifest, finished.tensors)
    yield Progress("Done", 1, 1, values={
        "avatar": str(out), "splats": finished.manifest.n_gaussians, "moving": len(active),
        "hears": capture.encoder.row()["name"], "size_mb": round(Path(out).stat().st_size / 1e6, 2),
    })  # fmt: skip


class World:
    """From the tracker's units to ours: x = scale * ours + centre; the axes are the same.

    Args:
        scale: tracker units in a head height; centre: the head's centre in the tracker's world, `[3]`.
    """

    def __init__(self, scale: float, centre: Tensor) -> None:
        self.scale, self.centre = scale, centre

    @classmethod
    def of(cls, released: Released) -> "World":
        """The world in which the solid Gaussians are one head height tall and the head's centre is the origin."""
        solid = released.splats.means[released.splats.opacities > 0.5]
        if len(solid) < 100:
            raise AvatarError(f"only {len(solid)} Gaussians of the model can be seen; it was not trained to its end.")
        low, high = (torch.quantile(solid[:: max(1, len(solid) // 100_000)], q, dim=0) for q in (0.01, 0.99))
        scale = float(high[1] - low[1])
        centre = (low + high) / 2
        centre[2] = high[2] - 0.45 * scale  # a tracked face has no back of the head
        return cls(scale, centre)

    def ours(self, points: Tensor) -> Tensor:
        return (points - self.centre) / self.scale

    def splats(self, released: Released) -> dict[str, Tensor]:
        """Raw canonical values under the names of `Trainable.splats`."""
        s = released.splats
        return {
            "means": self.ours(s.means), "quats": s.quats.clone(),
            "scales": torch.log(s.scales.clamp(min=1e-12)) - float(np.log(self.scale)),
            "opacities": torch.logit(s.opacities.clamp(1e-6, 1 - 1e-6)),
            "sh0": s.colors[:, :1].clone(), "sh_rest": s.colors[:, 1:].clone(),
        }  # fmt: skip

    def viewmats(self, theirs: np.ndarray) -> np.ndarray:
        """Cameras `[T, 4, 4]` of our world: `t = (R c + T) / scale`."""
        ours = theirs.copy()
        ours[:, :3, 3] = (theirs[:, :3, :3] @ self.centre.double().numpy() + theirs[:, :3, 3]) / self.scale
        return ours

    def camera_codes(self) -> Tensor:
        """The linear map `[12, 12]` from our camera code to the tracker's: `T = scale * t - R c`."""
        there = torch.eye(12)
        there[9:, 9:] *= self.scale
        for i in range(3):
            for j in range(3):
                there[9 + i, 3 * j + i] = -self.centre[j]  # the code holds R transposed: entry 3 j + i is R_ij
        return there


class ImportedCapture:
    """The data folder as `engine.training.filmed_avatar.Filmed` and `Hearing` want it.

    What the folder does not tell is not made up: of the common vocabulary only blinks are known. The loudness of the
    voice stands for the opening of the mouth, which says only which way a lip direction points and when it rests.
    """

    has_alpha = False

    def __init__(self, data: ReleasedData, world: World, name: str) -> None:
        self._data = data
        self.n_train = len(data.ids)
        self.blinks = data.blinks
        self.sound = None if data.sound is None else read_sound(data.sound)
        times = data.ids / FPS
        arkit = np.zeros((self.n_train, len(ARKIT_52)), np.float32)
        for side in ("eyeBlinkLeft", "eyeBlinkRight"):
            arkit[:, ARKIT_INDEX[side]] = data.blinks[:, 0]
        self.tracks = {
            "times": times, "viewmats": world.viewmats(data.viewmats), "arkit": arkit, "aus": data.blinks,
            "ks": np.tile(data.k, (self.n_train, 1, 1)),
        }  # fmt: skip
        self.info = DatasetInfo(
            name=name, width=data.size[0], height=data.size[1], fps=FPS, n_frames=self.n_train, n_train=self.n_train,
            background="plate", au_names=["au.45"], source={"imported": "GaussianTalker"},
        )  # fmt: skip
        self.resting = resting_frames(self.opening(), self.loudness())
        self.encoder: AudioEncoder | None = None
        self.voice = None

    @property
    def n_features(self) -> int:
        return self.encoder.n_features if self.voice is None else self.voice.n_features

    def opening(self) -> np.ndarray:
        """Loudness of the voice at each frame; without the sound, how far the features are from their quietest."""
        if self.sound is None:
            energy = np.square(self._data.features - np.median(self._data.features, axis=0)).mean(axis=(1, 2))
            return np.sqrt(energy)
        samples, rate = self.sound
        half = int(0.03 * rate)
        centres = (self.tracks["times"] * rate).astype(int)
        return np.array([np.sqrt(np.mean(np.square(samples[max(0, c - half) : c + half + 1])) if c - half < len(samples)
                                 else 0.0) for c in centres])  # fmt: skip

    def loudness(self) -> np.ndarray:
        return self.opening()

    def camera(self, index: int) -> Camera:
        return Camera(self.tracks["viewmats"][index], self._data.k, *self._data.size)

    def pixel(self) -> float:
        """Head heights in a pixel of a 512 picture, at the head."""
        return float(self.tracks["viewmats"][0, 2, 3] / self._data.k[1, 1]) * self._data.size[1] / 512

    def behind(self, index: int) -> np.ndarray:
        return self._data.behind(index)

    def plate(self) -> np.ndarray:
        return self._data.plate()


def released_codes(released: Released, features: np.ndarray) -> Tensor:
    """The audio codes `[T, D]` the model's own audio net makes of its training features `[T, W, C]`."""
    n_channels = released.weights["audio.net.convolutions.0.weight"].shape[1]
    if features.shape[2] != n_channels:
        raise DatasetError(f"the sound has {features.shape[2]} features where the model hears {n_channels}.")
    n_code = released.weights["audio.net.linear.2.weight"].shape[0]
    net, attention = AudioNet(n_channels, n_code), AudioAttention(n_code)
    _fill(net, released.weights, "audio.net.")
    _fill(attention, released.weights, "audio.attention.")
    windows = torch.from_numpy(features).transpose(1, 2)
    silent = torch.zeros_like(windows[:1])
    with torch.no_grad():
        codes = torch.cat([net(part) for part in torch.cat([silent, windows]).split(512)])
        around = torch.arange(len(windows))[:, None] + torch.arange(-FRAMES_BEFORE, FRAMES_AFTER)
        around = torch.where((around >= 0) & (around < len(windows)), around + 1, 0)  # row 0 is what lies beyond
        return attention(codes[around])


def _config(released: Released) -> GaussianTalkerConfig:
    w = released.weights
    try:
        n_hidden = {w[f"deformation.layers.0.{n}.weight"].shape[d] for n, d in (("wide", 0), ("narrow", 1))}
        n_hidden |= {w[f"deformation.heads.{name}.1.weight"].shape[0] for name in ("means", "sh")}
        n_layers = 1 + max(int(name.split(".")[2]) for name in w if name.startswith("deformation.layers."))
        n_code = w["audio.net.linear.2.weight"].shape[0]
    except (KeyError, ValueError) as error:
        raise AvatarError(f"the model lacks {error}; only models of GaussianTalker can be read.") from error
    if len(n_hidden) != 1 or n_layers not in (1, 2):
        raise AvatarError(f"the model's networks are {sorted(n_hidden)} wide and {n_layers} deep, which no published "
                          "configuration is.")  # fmt: skip
    return GaussianTalkerConfig(
        n_channels=released.planes[0].shape[1], resolutions=tuple(p.shape[-1] for p in released.planes),
        n_code=n_code, n_layers=n_layers, n_heads=N_HEADS, n_hidden=n_hidden.pop(), eye_pe="code",
    )  # fmt: skip


def _networks(released: Released, config: GaussianTalkerConfig, world: World) -> GaussianTalkerNet:
    """The networks in our world; the audio net is filled in later."""
    weights = dict(released.weights)
    for name in ("weight", "bias"):  # there: `_config` has looked at this head
        weights[f"deformation.heads.means.3.{name}"] = weights[f"deformation.heads.means.3.{name}"] / world.scale
    view = weights.get("tokens.view.0.weight")
    if view is None or view.shape[1:] != (N_VIEW,):
        raise AvatarError(
            "the model's cam_mlp does not read 12 numbers of a camera; only GaussianTalker's can be read."
        )
    weights["tokens.view.0.weight"] = view @ world.camera_codes()
    networks = GaussianTalkerNet(config, 1, world.ours(released.low), world.ours(released.high))
    networks.requires_grad_(False).eval()
    for planes, own in zip(networks.triplane.planes, released.planes, strict=True):
        planes.copy_(own)
    _fill(networks.tokens, weights, "tokens.", {"view_mean", "view_scale"})
    _fill(networks.deformation, weights, "deformation.")
    return networks


def _give_ear(
    networks: GaussianTalkerNet, released: Released, capture: ImportedCapture, codes: Tensor, seed: int
) -> Iterator[Progress]:
    """The audio net of the avatar: the model's own for HuBERT, else one that learns to say the same of our features."""
    first = released.weights["audio.net.convolutions.0.weight"]
    if capture._data.features.shape[1] == 2:
        coder = AudioCoder(first.shape[1], codes.shape[1])
        weights = dict(released.weights)  # a channel more says which steps are known: the model has no ear for it
        weights["audio.net.convolutions.0.weight"] = torch.cat([first, torch.zeros_like(first[:, :1])], dim=1)
        _fill(coder.net, weights, "audio.net.")
        _fill(coder.attention, weights, "audio.attention.")
        capture.encoder = HubertRow(first.shape[1])
        networks.audio = coder.requires_grad_(False).eval()
        return
    if capture.sound is None:
        raise DatasetError(f"{capture._data.folder}: has no aud.wav; the avatar must hear the voice to learn from it.")
    samples, _ = capture.sound
    capture.encoder = make_encoder({"name": ENCODER})
    yield Progress("Listening to the voice")
    capture.voice = hear(capture.encoder, samples, 2, seed)
    torch.manual_seed(seed)
    coder = AudioCoder(capture.encoder.n_features, codes.shape[1])
    rng = np.random.default_rng(seed)
    hearing = Hearing(capture, coder, torch.device("cpu"), rng)
    yield from hearing.learn(capture.tracks["times"][: len(codes)], codes, RELEARN_STEPS, RELEARN_BATCH, RELEARN_RATES)
    networks.audio = coder.requires_grad_(False).eval()


class HubertRow:
    """Stands for the HuBERT encoder in a manifest, whose weights need not be here to import a model."""

    def __init__(self, n_features: int) -> None:
        self.name, self.n_features = "hubert", n_features

    def row(self) -> dict:
        return {"name": "hubert"}


def _fill(module: torch.nn.Module, weights: dict[str, Tensor], prefix: str, own: frozenset | set = frozenset()) -> None:
    """Loads all of a module's parameters and buffers but its `own`. Raises AvatarError naming what does not fit."""
    for name, value in module.state_dict().items():
        if name in own:
            continue
        given = weights.get(prefix + name)
        if given is None or given.shape != value.shape:
            found = "missing" if given is None else f"{tuple(given.shape)}, not {tuple(value.shape)}"
            raise AvatarError(f"the model's {prefix}{name} is {found}; only models of GaussianTalker can be read.")
        with torch.no_grad():
            value.copy_(given)
