"""The avatar's fit from shapes to its own controls, read from its file."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from app.panels.face_fit import read_shape_fit
from engine.controls import ControlSchema, ControlSpec
from engine.manifest import Manifest
from engine.vocabulary import ACTION_UNITS, ARKIT_52, POSE_NAMES

COMMON = [*ARKIT_52, *(unit.name for unit in ACTION_UNITS), *POSE_NAMES]
SCHEMA = ControlSchema((ControlSpec("lip.00", "lip", "Jaw"), ControlSpec("lip.01", "lip", "Pucker")))


def manifest(names=COMMON) -> Manifest:
    return Manifest(
        name="Toy", method="embedtalk", n_gaussians=1, schema_rows=SCHEMA.to_json(), encoders=[], camera={},
        statistics={"common_names": list(names)},
    )  # fmt: skip


def test_a_shape_counts_for_itself_and_for_its_share_of_an_action_unit(tmp_path):
    slopes = np.zeros((len(COMMON) + 1, 2), np.float32)
    slopes[COMMON.index("mouthSmileLeft"), 0] = 1.0
    slopes[COMMON.index("au.12"), 0] = 4.0
    slopes[-1] = 9.0
    save_file({"fit.from_common": slopes}, tmp_path / "a.avatar")
    fit = read_shape_fit(tmp_path / "a.avatar", manifest())
    assert fit.shape == (52, 2)
    assert fit[ARKIT_52.index("mouthSmileLeft")] == pytest.approx([3.0, 0.0])
    assert fit[ARKIT_52.index("mouthSmileRight")] == pytest.approx([2.0, 0.0])
    assert fit[ARKIT_52.index("jawOpen")] == pytest.approx([0.0, 0.0]), "the constant is no slope"


@pytest.mark.parametrize("tensor", [np.zeros((3, 2)), np.full((len(COMMON) + 1, 2), np.nan), None])
def test_a_file_without_a_usable_fit_does_without(tmp_path, tensor):
    rows = {"other": np.zeros(1, np.float32)} if tensor is None else {"fit.from_common": tensor.astype(np.float32)}
    save_file(rows, tmp_path / "a.avatar")
    assert read_shape_fit(tmp_path / "a.avatar", manifest()) is None
    assert read_shape_fit(tmp_path / "none.avatar", manifest()) is None
    assert read_shape_fit(None, manifest()) is None
    (tmp_path / "b.avatar").write_bytes(b"\x00" * 40)
    assert read_shape_fit(tmp_path / "b.avatar", manifest()) is None
