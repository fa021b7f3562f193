"""An avatar against its own dataset: held-out frames apart, figures plausible, training frames the better ones."""

import re

import numpy as np
import pytest

from engine.errors import AvatarError, DatasetError
from engine.evaluation.report import evaluate


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


def test_sweeping_lips_changes_the_lower_face_more_than_the_upper(report):
    apart = report[-1].values["disentanglement"]
    assert 0 <= apart["lip_upper_over_lower"] < 1
    assert np.isfinite(apart["expression_lower_over_upper"])
