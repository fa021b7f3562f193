"""The whole way from a video to a dataset, on the real clip where it is at hand, and what bad input leaves behind."""

import itertools

import av
import cv2
import numpy as np
import pytest

from engine.capture import capture as capture_module
from engine.capture.capture import capture_video
from engine.capture.dataset import Dataset
from engine.errors import ModelMissingError, OutputError, VideoError
from engine.vocabulary import ACTION_UNITS
from tests.engine.capture.made_videos import numbered, write_video


def run(work) -> list:
    return list(work)


def left_behind(folder) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if not p.name.endswith((".mp4", ".task")))


@pytest.fixture
def any_model(tmp_path):
    path = tmp_path / "face_landmarker.task"
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: p.write_text("no video"), "not a video"),
        (lambda p: write_video(p, numbered(60), sound=False), "no sound track"),
        (lambda p: write_video(p, numbered(25)), "only 1.0 s long"),
    ],
)
def test_bad_videos_leave_nothing(tmp_path, any_model, make, says):
    make(tmp_path / "film.mp4")
    with pytest.raises(VideoError, match=says):
        run(capture_video(tmp_path / "film.mp4", tmp_path / "x.dataset", face_landmarker=any_model))
    assert left_behind(tmp_path) == []


def test_a_missing_model_is_named_before_any_work(tmp_path):
    write_video(tmp_path / "film.mp4", numbered(60))
    with pytest.raises(ModelMissingError, match="--face-landmarker"):
        run(capture_video(tmp_path / "film.mp4", tmp_path / "x.dataset", face_landmarker=tmp_path / "none.task"))
    assert left_behind(tmp_path) == []


def test_a_folder_that_is_no_dataset_is_never_replaced(tmp_path, any_model):
    write_video(tmp_path / "film.mp4", numbered(60))
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "photo.jpg").write_bytes(b"dear")
    with pytest.raises(OutputError, match="not a dataset"):
        run(capture_video(tmp_path / "film.mp4", tmp_path / "holiday", face_landmarker=any_model))
    assert (tmp_path / "holiday" / "photo.jpg").read_bytes() == b"dear"
    with pytest.raises(OutputError, match="no such folder"):
        run(capture_video(tmp_path / "film.mp4", tmp_path / "nowhere" / "x.dataset", face_landmarker=any_model))


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, any_model, monkeypatch):
    write_video(tmp_path / "film.mp4", numbered(60))

    def full(*_, **__):
        raise OSError(28, "No space left on device")
        yield

    monkeypatch.setattr(capture_module, "find_framing", full)
    with pytest.raises(OutputError, match="No space left on device; nothing was written"):
        run(capture_video(tmp_path / "film.mp4", tmp_path / "x.dataset", face_landmarker=any_model))
    assert left_behind(tmp_path) == []


@pytest.mark.shared
def test_a_video_without_a_face_is_refused_and_leaves_nothing(tmp_path, landmarker_model):
    write_video(tmp_path / "film.mp4", numbered(60, (256, 256)))
    with pytest.raises(VideoError, match="no face was found"):
        run(capture_video(tmp_path / "film.mp4", tmp_path / "x.dataset", face_landmarker=landmarker_model))
    assert left_behind(tmp_path) == []


@pytest.fixture(scope="module")
def short_clip(real_clip, tmp_path_factory):
    """60 frames of the real clip, lying on their side with a note to turn them, at an uneven rate."""
    with av.open(str(real_clip)) as file:
        frames = itertools.islice(file.decode(video=0), 60)
        pictures = [frame.to_ndarray(format="rgb24", width=256, height=256) for frame in frames]
    path = tmp_path_factory.mktemp("clip") / "turned.mp4"
    times = np.arange(60) / 25 + 0.004 * (np.arange(60) % 2)
    write_video(path, [np.ascontiguousarray(np.rot90(p, -1)) for p in pictures], times=times, turned_deg=90)
    return path


@pytest.mark.shared
def test_a_turned_uneven_video_becomes_a_dataset_also_after_an_interruption(short_clip, tmp_path, landmarker_model):
    out = tmp_path / "x.dataset"
    options = {"face_landmarker": landmarker_model, "size": 256}
    work = capture_video(short_clip, out, **options)
    for step in work:
        if step.stage == "Cutting out the head" and step.done == 20:
            break
    work.close()
    assert left_behind(tmp_path) == [".x.dataset.capture"]

    steps = run(capture_video(short_clip, out, **options))
    stages = {step.stage for step in steps}
    assert not stages & {"Looking for the face", "Reading the video", "Tracking the face"}
    assert sum(step.stage == "Cutting out the head" for step in steps) <= 40
    assert left_behind(tmp_path) == ["x.dataset"]

    dataset = Dataset(out)
    info, tracks = dataset.info, dataset.tracks
    assert (info.n_frames, info.n_train, info.width, info.height) == (60, 54, 256, 256)
    assert tracks["tracked"].all() and info.au_names == [unit.name for unit in ACTION_UNITS]
    assert steps[-1].values["tracked"] == 60
    assert steps[-1].values["error_px"] < 0.5 * steps[-1].values["error_px_mediapipe"]
    upright = tracks["landmarks"][0]
    assert upright[10, 1] < upright[152, 1]  # forehead above chin
    masks = dataset.masks(30)
    assert masks.head[int(upright[4, 1]), int(upright[4, 0])] > 0.95  # the nose
    assert masks.head[3, 3] < 0.05 and 0.2 < masks.head.mean() < 0.7
    assert dataset.behind(30).shape == (256, 256, 3) and dataset.plate.shape == (256, 256, 3)
    assert len(tracks["points"]) > 15_000 and tracks["points"].shape == tracks["colors"].shape
    assert len(list((out / "overlays").glob("*.jpg"))) == 12
    assert 180 < info.units_mm < 300
    assert (tracks["viewmats"][:, 2, 3] > 1).all()  # the head is before the camera, in head heights


@pytest.mark.shared
def test_of_two_people_the_larger_becomes_the_dataset(real_clip, tmp_path, landmarker_model):
    with av.open(str(real_clip)) as file:
        pictures = [frame.to_ndarray(format="rgb24") for frame in itertools.islice(file.decode(video=0), 60)]
    scene = [np.full((360, 640, 3), 90, np.uint8) for _ in pictures]
    for picture, wide in zip(pictures, scene, strict=True):
        wide[:, 280:] = cv2.resize(picture, (360, 360))
        wide[100:320, 20:240] = cv2.resize(picture[:, ::-1], (220, 220))
    write_video(tmp_path / "two.mp4", scene)
    notes = []
    for step in capture_video(tmp_path / "two.mp4", tmp_path / "x.dataset", face_landmarker=landmarker_model, size=128):
        notes.append(step.message)
        if step.stage == "Tracking the face":
            break
    assert any("2 faces were seen" in note for note in notes)
    framing = (tmp_path / ".x.dataset.capture" / "framing.json").read_text()
    assert '"x": 2' in framing or '"x": 3' in framing
