"""Head motion learned from a made track: it moves as much, as fast and as smoothly as the track, and it hears."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from engine.audio.block import SAMPLE_RATE_HZ
from engine.audio.encoders import make_encoder
from engine.audio.history import FeatureHistory
from engine.audio.wav import write_wav
from engine.capture.dataset import DatasetInfo, write_tracks
from engine.errors import OutputError, TrainingError
from engine.evaluation.head_motion import motion_figures, motion_ratios
from engine.head_motion import HeadMotionChoice, frame_features, generated, load_head_motion
from engine.training.head_motion import HeadMotionConfig, HeadMotionTraining, train_head_motion
from engine.vocabulary import ARKIT_INDEX
from tests.toy_head import one_thread, toy_voice

FPS = 25
CONFIG = HeadMotionConfig(encoder="mel")


def made_track(seconds: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A voice at 16 kHz, its mel features a frame, a head that nods with it and wanders, and the jaw."""
    voice, loudness = toy_voice(seconds + 1, seed)
    n = int(seconds * FPS)
    envelope = loudness[(np.arange(n) / FPS * SAMPLE_RATE_HZ).astype(int)]
    rng = np.random.default_rng(seed)
    wander = gaussian_filter1d(rng.standard_normal((n, 6)), 10, axis=0)
    wander /= wander.std(axis=0)
    nod = gaussian_filter1d(np.roll(envelope, 3), 3)
    nod = (nod - nod.mean()) / nod.std()
    pose = wander * [4, 1, 1.5, 0.01, 0.01, 0.01]
    pose[:, 1] += 2.5 * nod
    pose[:, 4] += 0.02 * nod
    pose += 0.01 * pose.std(axis=0) * rng.standard_normal(pose.shape)  # what tracking adds
    arkit = np.zeros((n, 52), np.float32)
    arkit[:, ARKIT_INDEX["jawOpen"]] = envelope
    features = make_encoder({"name": "mel"}).encode(voice)
    history = FeatureHistory(features.values.shape[1], seconds + 2)
    history.extend(features)
    return voice, frame_features(history, 0.0, n)[0], pose, arkit


@pytest.fixture(scope="module")
def trained():
    """Training after 200 steps on a minute, with its retrieval error before and after."""
    _, features, pose, arkit = made_track(60)
    with one_thread():
        training = HeadMotionTraining(features, pose, arkit, CONFIG)
        starts = np.arange(60, len(pose) - 60, 17)
        retrieved, expression, heard, true = training.rows(starts)
        for _ in range(200):
            training.step()
        with torch.no_grad():
            refined = training.motion.refiner(retrieved, expression, heard)
        training.finish()
    return training, float((retrieved - true).abs().mean()), float((refined - true).abs().mean())


@pytest.fixture(scope="module")
def motions(trained) -> list[np.ndarray]:
    training = trained[0]
    return [generated(training.motion, training.heard, HeadMotionChoice(seed=s), excludes=True) for s in range(4)]


def test_motion_moves_as_the_track_does(trained, motions):
    ratios = [motion_ratios(motion, trained[0].track) for motion in motions]
    middle = {name: float(np.mean([r[name] for r in ratios])) for name in ratios[0]}
    assert 0.7 < middle["speed"] < 1.3 and 0.7 < middle["acceleration"] < 1.3, middle
    assert 0.6 < middle["variance"] < 1.4, middle
    assert middle["jitter"] <= 1.0, middle


def test_the_refiner_comes_nearer_to_the_truth_without_standing_still(trained, motions):
    _, before, after = trained
    assert after < 0.8 * before
    assert all(motion_ratios(motion, trained[0].track)["variance"] > 0.6 for motion in motions)


def test_other_seeds_move_otherwise_and_the_same_seed_the_same(trained, motions):
    training = trained[0]
    again = generated(training.motion, training.heard, HeadMotionChoice(seed=0), excludes=True)
    assert np.array_equal(again, motions[0])
    spread = training.track.std(axis=0)
    for a, b in [(0, 1), (1, 2), (2, 3)]:
        assert (np.abs(motions[a] - motions[b]).mean(axis=0) / spread).mean() > 0.3


def test_motion_fits_its_own_sound_better_than_shuffled_sound(trained, motions):
    training = trained[0]
    rng = np.random.default_rng(0)
    order = np.concatenate([np.arange(c, c + 20) for c in rng.permutation(np.arange(0, len(training.heard) - 20, 20))])
    shuffled = np.concatenate([training.heard[order], training.heard[len(order) :]])
    own = [distance(m, training) for m in motions]
    other = [
        distance(generated(training.motion, shuffled, HeadMotionChoice(seed=s), excludes=True), training)
        for s in range(4)
    ]
    assert np.mean(own) < 0.97 * np.mean(other)


def distance(motion: np.ndarray, training: HeadMotionTraining) -> float:
    """Between what nods, slow wander taken off, in spreads of the track."""
    quick = [pose[:, 1] - gaussian_filter1d(pose[:, 1], 25) for pose in (motion, training.track)]
    return float(np.abs(quick[0] - quick[1]).mean() / quick[1].std())


def test_a_step_of_the_discriminator_leaves_the_refiner_alone():
    _, features, pose, arkit = made_track(14)
    training = HeadMotionTraining(features, pose, arkit, CONFIG)
    retrieved, expression, heard, true = training.batch()
    refined = training.motion.refiner(retrieved, expression, heard)
    training.critic_loss(refined.detach(), true).backward()
    assert all(p.grad is None for p in training.motion.refiner.parameters())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in training.discriminator.parameters())


def test_figures_of_a_known_motion_are_right():
    t = np.arange(2500) / FPS
    pose = np.tile((3 * np.sin(2 * np.pi * 0.5 * t))[:, None], (1, 6))
    figures = motion_figures(pose)
    assert figures["spread"][0] == pytest.approx(3 / np.sqrt(2), rel=1e-3)
    assert figures["speed"][0] == pytest.approx(3 * np.pi * 2 / np.pi, rel=0.01)
    assert figures["acceleration"][0] == pytest.approx(3 * np.pi**2 * 2 / np.pi, rel=0.01)
    trembling = pose + 0.1 * np.sin(2 * np.pi * 8 * t)[:, None]
    assert motion_ratios(trembling, pose)["jitter"] > 100


def write_dataset(folder: Path, seconds: float, still: bool = False, background: str = "plate") -> Path:
    voice, _, pose, arkit = made_track(seconds)
    n = len(pose)
    folder.mkdir()
    write_wav(folder / "audio.wav", voice, SAMPLE_RATE_HZ)
    info = DatasetInfo(name="nodding", width=8, height=8, fps=FPS, n_frames=n, n_train=n, background=background)
    zeros = {name: np.zeros((n, *shape), np.float32) for name, shape in {
        "viewmats": (4, 4), "ks": (3, 3), "aus": (0,), "ear": (2,), "landmarks": (1, 3), "lip_boxes": (4,),
        "tracked": (),
    }.items()}  # fmt: skip
    write_tracks(folder, info, zeros | {
        "times": np.arange(n) / FPS, "arkit": arkit, "pose": (0 if still else 1) * pose.astype(np.float32),
    })  # fmt: skip
    return folder


def test_a_dataset_becomes_a_file_that_moves_the_same(tmp_path):
    dataset = write_dataset(tmp_path / "a.dataset", 14)
    with one_thread():
        last = list(train_head_motion(dataset, tmp_path / "a.motion", HeadMotionConfig(encoder="mel", steps=3)))[-1]
    motion = load_head_motion(tmp_path / "a.motion")
    assert motion.encoder["name"] == "mel" and motion.about["dataset"] == "nodding"
    assert last.values["variance"] == motion.about["ratios"]["variance"] > 0
    assert np.isfinite(generated(motion, np.random.default_rng(0).normal(size=(60, motion.n_features)))).all()


@pytest.mark.parametrize(("seconds", "still", "says"), [(8, False, "too few"), (14, True, "0.00 degrees")])
def test_a_film_too_short_or_too_still_is_refused(tmp_path, seconds, still, says):
    dataset = write_dataset(tmp_path / "a.dataset", seconds, still)
    with pytest.raises(TrainingError, match=says):
        list(train_head_motion(dataset, tmp_path / "a.motion", HeadMotionConfig(encoder="mel", steps=1)))
    assert not (tmp_path / "a.motion").exists()


def test_a_place_that_is_not_there_is_said_first(tmp_path):
    with pytest.raises(OutputError, match="no such folder"):
        next(train_head_motion(tmp_path / "none.dataset", tmp_path / "nowhere" / "a.motion"))
