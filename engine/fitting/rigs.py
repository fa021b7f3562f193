"""Head models as the fit needs them: landmarks, and how they move for identity and expression."""

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

import numpy as np

from engine.errors import MouthpieceError
from engine.fitting.solver import Landmarks
from engine.heads.base import HeadModel, PosedHead
from engine.heads.flame import FlameHead, FlameParameters
from engine.heads.house import HouseHead
from engine.heads.ict import FaceIdentity, IctHead
from engine.heads.sculpt.identity import FORM_NAMES, Form, Identity, Look
from engine.paths import find_flame, find_ict_facekit
from engine.vocabulary import ARKIT_52

RIGS = ("house", "ict", "flame")
PLAIN = Look(hair_style="bald")


class Rig(ABC):
    """A head model whose identity and expression can be fitted.

    Attributes:
        name: of `RIGS`; identity_names, expression_names: what the numbers of a fit mean.
        numbers: MediaPipe's numbers of the landmarks the model knows, `[L]`.
    """

    name: str
    identity_names: tuple[str, ...]
    expression_names: tuple[str, ...] = ARKIT_52
    numbers: np.ndarray = np.arange(478)

    @abstractmethod
    def head(self, identity: np.ndarray) -> HeadModel:
        """The head with an identity `[I]`."""

    @abstractmethod
    def landmarks(self, head: HeadModel) -> Landmarks:
        """The head's landmarks and how they move, identity moves counted from the head as it is."""

    def posed(self, head: HeadModel, expression: np.ndarray) -> PosedHead:
        """The head with an expression `[E]`."""
        return head.pose(expression)

    def suggested(self, arkit: np.ndarray) -> np.ndarray:
        """Expressions `[T, E]` that tracked ARKit scores `[T, 52]` suggest."""
        return arkit

    def _of_arkit(self, head: HeadModel, identity: np.ndarray, sigma: np.ndarray) -> Landmarks:
        rest = head.landmarks(head.pose(), "mediapipe")
        moves = np.stack([head.landmarks(head.pose({name: 1.0}), "mediapipe") - rest for name in ARKIT_52])
        return Landmarks(rest, identity, moves, np.zeros(52), np.ones(52), sigma)


class HouseRig(Rig):
    """The house head: its form's parameters."""

    name = "house"
    identity_names = FORM_NAMES
    SIGMA, MOST = 0.8, 2.0

    def head(self, identity: np.ndarray) -> HouseHead:
        values = np.clip(identity, -self.MOST, self.MOST)
        form = Form(**{name: float(value) for name, value in zip(FORM_NAMES, values)})
        return HouseHead(Identity("fitted", form, PLAIN, rest_smile=0.0))

    def landmarks(self, head: HouseHead) -> Landmarks:
        moves = np.stack([head.form_move(name) for name in FORM_NAMES])
        return self._of_arkit(head, moves, np.full(len(moves), self.SIGMA))


class IctRig(Rig):
    """ICT-FaceKit: its identity modes."""

    name = "ict"

    def __init__(self, kit: Path | None = None) -> None:
        self._folder = find_ict_facekit(kit)
        self.identity_names = tuple(f"mode.{i:02d}" for i in range(self._neutral.n_modes))

    @cached_property
    def _neutral(self) -> IctHead:
        return IctHead(self._folder, FaceIdentity(rest_smile=0.0), dressed=False)

    def head(self, identity: np.ndarray) -> IctHead:
        modes = tuple(float(v) for v in identity)
        return IctHead(self._folder, FaceIdentity("fitted", modes, PLAIN, rest_smile=0.0), dressed=False)

    def landmarks(self, head: IctHead) -> Landmarks:
        moves = head.mode_moves()
        return self._of_arkit(head, moves, np.ones(len(moves)))


class FlameRig(Rig):
    """FLAME: its shape coefficients; expression, jaw and eyes are its own."""

    name = "flame"
    JAW_MOST, EYE_MOST, EXPRESSION_MOST = 0.6, 0.6, 4.0

    def __init__(self, model: Path | None = None) -> None:
        self._model = find_flame(model)
        self._base = FlameHead(self._model)
        self.numbers = self._base.landmark_moves()[0]
        self.identity_names = tuple(f"shape.{i:03d}" for i in range(self._base.n_shape))
        self.expression_names = (
            *(f"exp.{i:02d}" for i in range(self._base.n_expression)), "jaw.x", "jaw.y", "jaw.z",
        )  # fmt: skip

    def head(self, identity: np.ndarray) -> FlameHead:
        return FlameHead(self._model, identity)

    def landmarks(self, head: FlameHead) -> Landmarks:
        numbers, moves = head.landmark_moves()
        rest = head.landmarks(head.pose_native(self._parameters(head, np.zeros(len(moves)))))[numbers]
        most = np.concatenate([np.full(head.n_expression, self.EXPRESSION_MOST), [self.JAW_MOST, 0.2, 0.2]])
        least = -most
        least[head.n_expression] = -0.05  # the jaw does not close beyond shut
        identity = head.shape_moves()
        return Landmarks(rest, identity, moves, least, most, np.ones(len(identity)))

    def posed(self, head: FlameHead, expression: np.ndarray) -> PosedHead:
        return head.pose_native(self._parameters(head, expression))

    def suggested(self, arkit: np.ndarray) -> np.ndarray:
        return arkit @ self._base.arkit_matrix()

    def _parameters(self, head: FlameHead, code: np.ndarray) -> FlameParameters:
        return FlameParameters(code[: head.n_expression], code[head.n_expression :], np.zeros(3), np.zeros((2, 3)))


def rig(name: str, source: Path | None = None) -> Rig:
    """The rig of a head model; `source` is ICT-FaceKit's folder or FLAME's model file.

    Raises:
        MouthpieceError: for a name that is none; ModelMissingError: when the model's files are missing.
    """
    if name == "house":
        return HouseRig()
    if name == "ict":
        return IctRig(source)
    if name == "flame":
        return FlameRig(source)
    raise MouthpieceError(f"{name!r} is no head model that can be fitted; name {', '.join(RIGS)}.")
