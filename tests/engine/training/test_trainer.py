"""The trainer: stops and goes on, writes what it promises, and refuses what cannot work before it starts."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from engine.audio.encoders import make_encoder
from engine.audio.wav import read_sound
from engine.avatar import load_avatar
from engine.capture.dataset import Dataset
from engine.errors import DatasetError, OutputError, TrainingError
from engine.evaluation.comparison import Comparison
from engine.evaluation.metrics import psnr
from engine.methods import method_module
from engine.methods.base import DriverInputs
from engine.methods.embedtalk import Config
from engine.training.checkpoint import Checkpoint
from engine.training.clip import Clip
from engine.training.trainer import MOST_SKIPPED_IN_A_ROW, TrainingRun, configured, train
from tests.engine.methods.contract import driver_of, picture
from tests.toy_head import TOY_CONFIG, make_toy_dataset, one_thread, train_toy


def run(dataset, out, iterations=30, **options):
    options = {"device": "cpu", "config": TOY_CONFIG} | options
    return train(dataset, "embedtalk", out, iterations=iterations, **options)


def fresh(dataset, folder) -> TrainingRun:
    clip = Clip(Dataset(dataset), make_encoder({"name": "mel"}), 1)
    for _ in clip.load():
        pass
    model = method_module("embedtalk").begin(clip, configured(Config(), TOY_CONFIG), torch.device("cpu"), 0)
    return TrainingRun(clip, model, folder / "x.avatar", "embedtalk", torch.device("cpu"))


def steps(run, first, last):
    for i in range(first, last):
        run.step(50_000 * (0.05 + i / 200))


def test_a_training_lowers_the_loss_and_leaves_curve_and_preview(toy_avatar):
    folder = toy_avatar.with_suffix(".training")
    with open(folder / "loss.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["psnr"]) > float(rows[0]["psnr"]) + 3
    assert {"iteration", "seconds", "splats", "l1", "psnr", "total"} <= set(rows[0])
    assert Image.open(folder / "preview.png").size == (128, 64)
    assert Image.open(folder / "loss.png").size[0] > 300


def test_a_training_that_was_stopped_goes_on_where_it_was(toy_dataset, tmp_path):
    out = tmp_path / "stopped.avatar"
    with one_thread():
        work = run(toy_dataset, out, iterations=40)
        for step in work:
            if step.stage == "Training" and step.values.get("iteration", 0) >= 1:
                break
        work.close()
        assert not out.exists() and (tmp_path / "stopped.training" / "checkpoint.safetensors").is_file()
        steps = list(run(toy_dataset, out, iterations=40))
    resumed = next(s for s in steps if s.stage == "Training")
    assert "Goes on from iteration" in resumed.message and resumed.done >= 1
    assert steps[-1].values["iterations"] == 40
    assert len(load_avatar(out).canonical_means) == steps[-1].values["splats"]


def test_a_run_resumed_from_a_checkpoint_equals_one_that_never_stopped(toy_dataset, tmp_path):
    """Parameters, moments, chance and density control all go on: the same file comes out, but for its times."""
    with one_thread():
        whole = fresh(toy_dataset, tmp_path)
        whole.folder.mkdir(parents=True)
        steps(whole, 0, 6)
        Checkpoint(whole.folder, "embedtalk").save(whole)
        steps(whole, 6, 12)
        resumed = fresh(toy_dataset, tmp_path)
        Checkpoint(resumed.folder, "embedtalk").restore(resumed)
        assert resumed.iteration == 6
        steps(resumed, 6, 12)
    for name, value in whole.model.splats.items():
        assert torch.allclose(value, resumed.model.splats[name], atol=1e-5), name
    for name, value in whole.model.networks.state_dict().items():
        assert torch.allclose(value, resumed.model.networks.state_dict()[name], atol=1e-5), name


def test_a_run_that_has_ended_writes_the_same_avatar_again_with_its_figures(toy_dataset, tmp_path):
    out = tmp_path / "twice.avatar"
    with one_thread():
        first = list(run(toy_dataset, out, iterations=25))[-1].values
        again = list(run(toy_dataset, out, iterations=25))[-1].values
    assert again["iterations"] == first["iterations"] == 25
    assert again["psnr_training"] == pytest.approx(first["psnr_training"], abs=2)  # of the row written last


def test_the_avatar_shows_a_frame_as_training_saw_it(toy_dataset, tmp_path):
    """By its corrected camera, hair that is held back too: what was learnt in one place is worth nothing in another."""
    with one_thread():
        work = fresh(toy_dataset, tmp_path)
        steps(work, 0, 4)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            work.poses.twists.copy_(0.03 * torch.randn(work.poses.twists.shape, generator=generator))
            work.model.splats["looseness"].fill_(2.0)
        seen = []
        for index in (0, 7, 15):
            sample = work._on_device(work.clip.sample(index))
            with torch.no_grad():
                seen.append(work.render(work.model.shown(sample), sample)[0].clamp(0, 1).numpy())
        work.finish()
        comparison = Comparison(load_avatar(work.out), Dataset(toy_dataset))
        for index, picture_seen in zip((0, 7, 15), seen, strict=True):
            assert psnr(comparison.picture(index), picture_seen) > 60


def _poison(work, monkeypatch):
    """Gradients that are no numbers from now on."""
    descend = work._descend

    def descend_badly(terms, n_frames):
        total = descend(terms, n_frames)
        for parameter in work.model.networks.parameters():
            if parameter.grad is not None:
                parameter.grad.fill_(torch.nan)
        return total

    monkeypatch.setattr(work, "_descend", descend_badly)


def test_a_step_whose_gradients_are_not_numbers_changes_nothing(toy_dataset, tmp_path, monkeypatch):
    with one_thread():
        work = fresh(toy_dataset, tmp_path)
        steps(work, 0, 3)
        before = {name: value.clone() for name, value in work.model.networks.state_dict().items()}
        _poison(work, monkeypatch)
        steps(work, 3, 4)
    assert work.n_skipped == 1
    for name, value in work.model.networks.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_gradients_that_stay_no_numbers_end_the_run_and_the_last_good_checkpoint_stays(
    toy_dataset, tmp_path, monkeypatch
):
    with one_thread():
        work = fresh(toy_dataset, tmp_path)
        work.folder.mkdir(parents=True)
        steps(work, 0, 2)
        Checkpoint(work.folder, "embedtalk").save(work)
        _poison(work, monkeypatch)
        with pytest.raises(TrainingError, match=f"gradients of {MOST_SKIPPED_IN_A_ROW + 1} iterations up to"):
            list(work.go(200, None, resume=True))
        again = fresh(toy_dataset, tmp_path)
        Checkpoint(again.folder, "embedtalk").restore(again)
    assert again.iteration == 2


def test_a_checkpoint_of_another_dataset_is_not_used(toy_dataset, tmp_path):
    out = tmp_path / "other.avatar"
    train_toy(toy_dataset, out, "embedtalk", iterations=3)
    other = tmp_path / "other.dataset"
    make_toy_dataset(other, 48, 40, "plate", n=300)
    with pytest.raises(TrainingError, match="--fresh"):
        list(run(other, out))
    with one_thread():
        assert list(run(other, out, iterations=2, resume=False))[-1].values["iterations"] == 2


def test_a_damaged_checkpoint_is_one_sentence(toy_dataset, tmp_path):
    out = tmp_path / "damaged.avatar"
    folder = tmp_path / "damaged.training"
    folder.mkdir()
    (folder / "checkpoint.safetensors").write_bytes(b"\x00" * 50)
    with pytest.raises(TrainingError, match="cannot be read"):
        list(run(toy_dataset, out))


def test_a_time_limit_ends_the_run(toy_dataset, tmp_path):
    with one_thread():
        steps = list(run(toy_dataset, tmp_path / "short.avatar", iterations=None, max_seconds=1.0))
    training, last = [step for step in steps if step.stage == "Training"], steps[-1]
    assert training and all(step.total == 1 and step.values["loss"] > 0 for step in training)  # seconds of it
    assert last.values["iterations"] >= 1 and (tmp_path / "short.avatar").is_file()


def test_the_file_holds_no_time_limit_or_path_of_the_machine(toy_avatar):
    from engine.manifest import read_manifest

    text = json.dumps(read_manifest(toy_avatar).model_dump())
    assert str(toy_avatar.parent) not in text


@pytest.mark.parametrize(
    ("config", "part"),
    [({"lambda_mouths": 1}, "no such setting"), ({"n_points": "many"}, "cannot be"), ({"au_set": "au.99"}, "au.99")],
)
def test_a_setting_that_does_not_fit_is_refused(toy_dataset, tmp_path, config, part):
    with pytest.raises(TrainingError, match=part):
        list(run(toy_dataset, tmp_path / "x.avatar", config=config))
    assert list(tmp_path.iterdir()) == []


def test_settings_from_the_command_line_are_read_as_the_kind_they_are():
    config = configured(
        Config(), {"n_points": "12000", "lambda_ssim": "0.2", "au_set": "shipped", "rate_means": "1e-4,1e-6"}
    )
    assert (config.n_points, config.lambda_ssim, config.au_set, config.rate_means) == (
        12000,
        0.2,
        "shipped",
        (1e-4, 1e-6),
    )


def test_wrong_places_and_methods_are_refused_before_anything_is_written(toy_dataset, tmp_path):
    with pytest.raises(DatasetError):
        list(run(tmp_path / "nowhere.dataset", tmp_path / "x.avatar"))
    with pytest.raises(OutputError):
        list(run(toy_dataset, tmp_path / "no" / "x.avatar"))
    with pytest.raises(TrainingError, match="no such method"):
        list(train(toy_dataset, "magic", tmp_path / "x.avatar"))
    assert list(tmp_path.iterdir()) == []


def test_a_clip_of_a_second_is_refused(tmp_path):
    dataset = make_toy_dataset(tmp_path / "short.dataset", 48, 12, "plate", n=200)
    with pytest.raises(TrainingError, match="at least 20"):
        list(run(dataset, tmp_path / "x.avatar"))


def test_the_mouth_follows_the_voice_after_training(toy_bust, tmp_path):
    """Learnt from pictures: the louder the voice, the further the mouth region is from what it is at rest."""
    path = train_toy(toy_bust, tmp_path / "talks.avatar", "embedtalk", iterations=300, coarse_until=0.2)
    avatar = load_avatar(path)
    driver = driver_of(avatar, toy_bust)
    rest = picture(avatar, avatar.schema.rest().values)
    samples, _ = read_sound(toy_bust / "audio.wav")
    changes, loudness = [], []
    for t in np.arange(0.1, 1.6, 0.04):
        shown = picture(avatar, driver.at(t, DriverInputs(look_ahead_ms=160)).values)
        changes.append(np.abs(shown - rest)[34:50, 24:40, :3].mean())
        loudness.append(np.sqrt(np.mean(samples[int(t * 16000) : int((t + 0.04) * 16000)] ** 2)))
    assert np.corrcoef(changes, loudness)[0, 1] > 0.4
