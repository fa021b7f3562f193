"""From the training of any method with an audio code to its avatar file: what `engine.parts.coded_avatar` reads."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.controls import ControlSpec, SettingSpec
from engine.parts.code_basis import CodeBasis, fit_basis, flip_towards
from engine.parts.code_hull import fit_hull
from engine.parts.common_fit import name_components
from engine.training.filmed_avatar import Filmed, FilmedModel, finish_filmed
from engine.training.trainable import Finished

LIP_LIMIT = 4.0  # sigmas, unless the clip itself went further


@dataclass(frozen=True)
class CodedModel:
    """What a method hands in.

    Attributes:
        method, config: its name, and everything its loader needs to build the networks.
        splats: tensors with a row for each Gaussian, in the precision they are kept in.
        networks: parameters and buffers by name, kept as `network.*`.
        codes: the audio codes of the training frames `[T, D]`; resting: bool `[T]`, frames with the mouth at rest.
        face_specs: controls of the face beside the lips, in the order of `face_tracks` `[T, C]`.
        gains, settings: further controls and settings.
        motion: how far each Gaussian moved in training, head heights `[N]`; active: rows that ever move.
        looseness: how little each follows the head `[N]`; None for a whole bust.
    """

    method: str
    config: dict[str, Any]
    sh_degree: int
    splats: dict[str, Tensor]
    networks: dict[str, Tensor]
    codes: np.ndarray
    resting: np.ndarray
    face_specs: list[ControlSpec]
    face_tracks: np.ndarray
    gains: tuple[ControlSpec, ...]
    settings: tuple[SettingSpec, ...]
    motion: Tensor
    active: Tensor
    looseness: Tensor | None
    statistics: dict[str, Any] = field(default_factory=dict)


def finish_coded(clip: Filmed, model: CodedModel, viewmats: Tensor, reference: int) -> Finished:
    """Everything the avatar file holds; see `finish_filmed`."""
    basis, coordinates = lip_basis(model.codes, model.resting, clip.opening()[: clip.n_train])
    names = name_components(coordinates, clip.tracks["arkit"][: clip.n_train])
    filmed = FilmedModel(
        model.method, model.config, model.sh_degree, model.splats, model.networks,
        {f"basis.{n}": torch.from_numpy(getattr(basis, n)) for n in ("rest", "directions", "sigma")},
        [*lip_specs(coordinates, names), *model.face_specs],
        np.concatenate([coordinates, model.face_tracks], axis=1), fit_hull(coordinates), model.gains, model.settings,
        model.motion, model.active, model.looseness,
        {"lip_shares": [round(float(v), 5) for v in basis.shares]} | model.statistics,
    )  # fmt: skip
    return finish_filmed(clip, filmed, viewmats, reference)


def lip_basis(codes: np.ndarray, resting: np.ndarray, opening: np.ndarray) -> tuple[CodeBasis, np.ndarray]:
    """The lip coordinates of a clip: their basis, and the clip's own coordinates `[T, D]`."""
    basis = fit_basis(codes, resting)
    basis = flip_towards(basis, basis.coordinates(codes), opening)
    return basis, basis.coordinates(codes)


def lip_specs(coordinates: np.ndarray, names: list[str]) -> list[ControlSpec]:
    """A control for each lip coordinate, in sigmas, with the range the clip used."""
    low, high = np.quantile(coordinates, [0.005, 0.995], axis=0)
    specs = []
    for i, name in enumerate(names):
        least = -float(np.ceil(max(LIP_LIMIT, -1.5 * low[i])))
        most = float(np.ceil(max(LIP_LIMIT, 1.5 * high[i])))
        words = f"Direction {i + 1} of the audio code, by how much the voice used it."
        specs.append(ControlSpec(f"lip.{i:02d}", "lip", name, words, least, most, unit="sigma",
                                 low=float(low[i]), high=float(high[i])))  # fmt: skip
    return specs
