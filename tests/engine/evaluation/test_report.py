"""An avatar against its own dataset: held-out frames apart, figures plausible, training frames the better ones."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine.capture.dataset import Dataset
from engine.controls import ControlSchema, ControlSpec
from engine.errors import AvatarError, DatasetError
from engine.evaluation.disentanglement import disentanglement
from engine.evaluation.report import evaluate
from engine.gaussians import Gaussians
from engine.training.views import frontal_index, orbit_of


@pytest.fixture(scope="module")
def report(toy_avatar, toy_dataset):
    steps = list(evaluate(toy_avatar, toy_dataset))
    return steps


def test_every_frame_is_compared_once_for_each_part(report):
    compared = [s for s in report if s.stage == "Comparing frames"]
    assert compared[-1].done == compared[-1].total == len(compared) == 40 + 4 + 4
    values = report[-1].values
    assert values["train"]["n_frames"] == 40 and values["held_out"]["n_frames"] == 4


def test_figures_are_those_of_a_trained_head(report):
    for part in ("train", "held_out", "held_out_voice_only"):
        figures = report[-1].values[part]
        assert figures["psnr_full"] > 18 and figures["psnr_head"] > 14
        assert 0 < figures["ssim"] <= 1 and 0 < figures["ms_ssim"] <= 1
        assert all(np.isfinite(v) for v in figures.values())


def test_what_could_not_be_measured_is_said(report):
    assert "no LPIPS" in " ".join(report[-1].values["notes"])


def test_a_bust_is_compared_on_its_own_background(toy_bust_avatar, toy_bust):
    values = list(evaluate(toy_bust_avatar, toy_bust))[-1].values
    assert values["train"]["psnr_full"] > 18


def test_wrong_files_are_one_sentence(toy_avatar, toy_dataset, tmp_path):
    with pytest.raises(AvatarError):
        list(evaluate(tmp_path / "none.avatar", toy_dataset))
    with pytest.raises(DatasetError):
        list(evaluate(toy_avatar, tmp_path / "none.dataset"))


def test_the_page_holds_figures_pictures_and_curves_and_needs_no_other_file(toy_avatar, toy_dataset, tmp_path):
    steps = list(evaluate(toy_avatar, toy_dataset, page=tmp_path / "report.html"))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count("data:image/jpeg;base64,") == 9 and text.count("<polyline") >= 3
    assert f"{steps[-1].values['held_out']['psnr_head']:.2f}" in text
    assert "What could not be measured" in text and "no FID" in text and "proxy" in text
    assert "http" not in text.replace("https://", "").split("What could not")[0]
    assert not re.search(r"(src|href)='(?!data:)", text)


def test_lips_and_expression_are_said_to_be_apart_by_how_much_they_are(toy_dataset):
    """A face whose lip coordinate changes the lower half, and the upper one a tenth as much; expression a half."""
    dataset = Dataset(toy_dataset)
    index = frontal_index(dataset.tracks["viewmats"][: dataset.info.n_train])
    y, x = (a.ravel() for a in np.mgrid[-0.5:0.4:90j, -0.36:0.36:72j])
    means = torch.tensor(np.stack([x, y, np.full_like(x, 0.35)], axis=1), dtype=torch.float32)
    lower = means[:, 1] < -0.17
    n = len(means)

    class TwoHalves:
        manifest = SimpleNamespace(orbit=orbit_of(dataset.camera(index)), statistics={"lip_shares": [1.0, 0.0]})
        schema = ControlSchema((
            ControlSpec("lip.00", "lip", "Lips", "", -4, 4, unit="sigma"),
            ControlSpec("lip.01", "lip", "Hardly used", "", -4, 4, unit="sigma"),
            ControlSpec("jawOpen", "lip", "A coefficient", "", -1, 1, low=0.0, high=0.5),
            ControlSpec("exp.00", "expression", "Brows", "", -4, 4, unit="sigma"),
        ))  # fmt: skip

        def animate(self, controls):
            return controls

        def deform(self, controls, camera):
            lip, used, brow = controls["lip.00"], controls["lip.01"], controls["exp.00"]
            assert used == 0 and 0 <= controls["jawOpen"] <= 0.5  # two of it would be beyond any face
            lip = lip + 2 * controls["jawOpen"]
            change = torch.where(lower, 0.1 * lip + 0.05 * brow, 0.01 * lip + 0.1 * brow)
            colors = (0.5 + change)[:, None].expand(-1, 3).contiguous()
            return [Gaussians(means, torch.tensor([[1.0, 0, 0, 0]]).repeat(n, 1), torch.full((n, 3), 0.008),
                              torch.full((n,), 0.9), colors)]  # fmt: skip

    values = list(disentanglement(TwoHalves(), dataset))[-1].values
    assert set(values["sweeps"]) == {"lip.00", "jawOpen", "exp.00"}
    assert values["lip_upper_over_lower"] == pytest.approx(0.1, abs=0.06)
    assert values["expression_lower_over_upper"] == pytest.approx(0.5, abs=0.15)
