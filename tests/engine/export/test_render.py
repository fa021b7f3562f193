"""Whole renders of a small avatar: the same bits twice, every format, cuts, layers, other avatars, failures."""

import json
import os

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from engine.camera import Orbit
from engine.errors import MouthpieceError, OutputError
from engine.export import render
from engine.export.order import file_hash, make_order
from engine.export.ply import read_ply
from engine.export.provenance import verify
from engine.performance.camera_path import CameraKey, CameraPath
from engine.performance.curve import Curve, Key
from engine.performance.layers import EditLayer, LayerKind
from engine.performance.take_edit import TakeEdit
from engine.project import take_key
from engine.take import Take, TakeInfo, save_take
from tests.fakes import avatar as fake
from tests.fakes.avatar import SCHEMA
from tests.fakes.motion import made_motion

SIZE, FPS, SECONDS = 32, 10.0, 1.0


@pytest.fixture(autouse=True)
def fake_avatars(monkeypatch):
    monkeypatch.setattr(render, "load_avatar", fake.load)


@pytest.fixture
def files(tmp_path):
    """An avatar, a take of it that shouts in its second half, and a plain voice."""
    avatar = fake.save(tmp_path / "a.avatar")
    n = 31
    loud = np.random.default_rng(0).normal(0, 0.2, 48_000).astype(np.float32)
    loud[:24_000] = 0
    user = np.tile(SCHEMA.column("neutral"), (n, 1))
    result = user.copy()
    result[:, 0] = np.linspace(0, 1, n)
    camera = np.tile(np.array([0, 0, 0, 0, 0, 4.5, 20, 0], np.float32), (n, 1))
    camera[:, 3] = np.linspace(0, 30, n)
    info = TakeInfo(
        schema_rows=SCHEMA.to_json(), avatar={"name": "Fake", "path": str(avatar), "hash": file_hash(avatar)}
    )
    save_take(tmp_path / "t.take", Take(info, np.linspace(0, SECONDS, n), result, user, result, camera, loud))
    soundfile.write(tmp_path / "v.wav", loud, 48_000)
    return tmp_path


def order_of(files, name="clip.mp4", **changes):
    fields = {
        "avatar": files / "a.avatar", "take": files / "t.take", "output": files / name, "width": SIZE, "height": SIZE,
        "fps": FPS, "backend": "cpu", "is_signed": False, "idle": False, "view": "front", **changes,
    }  # fmt: skip
    return make_order(**fields)


def rendered(order):
    steps = list(render.render_clip(order))
    assert steps[-1].stage == "Done"
    return order.output


def frames(path):
    with av.open(str(path)) as file:
        return np.stack([f.to_ndarray(format="rgb24") for f in file.decode(video=0)])


def mouth(folder, i=None):
    rows = np.genfromtxt(folder / "controls.csv", delimiter=",", names=True, deletechars="")
    return rows["lip.00"] if i is None else rows["lip.00"][i]


def test_a_take_rendered_twice_is_the_same_to_the_bit(files):
    first, second = (rendered(order_of(files, name, kind="png")) for name in ("one", "two"))
    names = sorted(path.name for path in first.glob("frame_*.png"))
    assert len(names) == 10
    for name in names:
        assert np.array_equal(np.asarray(Image.open(first / name)), np.asarray(Image.open(second / name)))
    assert np.array_equal(frames(rendered(order_of(files, "1.mp4"))), frames(rendered(order_of(files, "2.mp4"))))


@pytest.mark.parametrize("kind", ["mp4", "mp4-av1", "webm-alpha", "mov-prores"])
def test_every_video_format_has_its_frames_and_sound(files, kind):
    suffix = {"webm-alpha": ".webm", "mov-prores": ".mov"}.get(kind, ".mp4")
    path = rendered(order_of(files, f"clip{suffix}", kind=kind, width=64, height=64))
    with av.open(str(path)) as file:
        assert sum(1 for _ in file.decode(video=0)) == 10
    with av.open(str(path)) as file:
        assert sum(f.samples for f in file.decode(audio=0)) >= 47_000


def test_a_picture_sequence_keeps_transparency_and_says_it_is_synthetic(files):
    folder = rendered(order_of(files, "seq", kind="png"))
    pixels = np.asarray(Image.open(folder / "frame_000000.png"))
    assert pixels.shape == (SIZE, SIZE, 4)
    assert pixels[0, 0, 3] == 0 and pixels[..., 3].max() > 200
    assert {"manifest.json", "controls.csv", "cameras.json", "driven.csv", "voice.wav"} <= set(os.listdir(folder))
    assert verify(folder).is_synthetic and verify(folder / "frame_000003.png").is_synthetic


def test_depth_is_the_distance_in_steps_the_manifest_states(files):
    folder = rendered(order_of(files, "depth", kind="depth", orbit=Orbit(distance=4.5).to_json()))
    depth = np.asarray(Image.open(folder / "depth_000000.png")).astype(int)
    assert depth[0, 0] == 0
    millimetres = depth[SIZE // 2, SIZE // 2] * 0.05
    assert (4.5 - 0.45) * 240 < millimetres < 4.5 * 240
    assert "0.05 mm" in json.loads((folder / "manifest.json").read_text())["depth"]


def test_splats_of_every_frame_open_again(files):
    folder = rendered(order_of(files, "splats", kind="ply"))
    assert len(list(folder.glob("*.ply"))) == 10
    assert len(read_ply(folder / "frame_000009.ply")) == 300


def test_tables_hold_a_row_a_frame_and_their_cameras_render_again(files):
    folder = rendered(order_of(files, "tables", kind="tables", view="take"))
    assert len(mouth(folder)) == 10
    cameras = json.loads((folder / "cameras.json").read_text())
    assert [row["time"] for row in cameras] == pytest.approx(np.arange(10) / FPS)
    again = rendered(order_of(files, "again", kind="tables", view=str(folder / "cameras.json")))
    assert json.loads((again / "cameras.json").read_text()) == cameras


def test_in_and_out_points_choose_the_part(files):
    folder = rendered(order_of(files, "part", kind="tables", start=0.4, end=0.9))
    assert len(mouth(folder)) == 5
    whole = rendered(order_of(files, "whole", kind="tables"))
    np.testing.assert_allclose(mouth(folder), mouth(whole)[4:9], atol=1e-3)


def test_layers_and_cuts_of_the_edit_are_in_the_clip(files):
    layer = EditLayer("a", "A", LayerKind.OVERRIDE, 0.0, 1.0, curves={"lip.00": Curve((Key(0, 0.7),))})
    edit = TakeEdit(layers=(layer,)).ripple_cut(SECONDS, 0.2, 0.5)
    folder = rendered(order_of(files, "edited", kind="tables", edit=edit.to_json()))
    assert len(mouth(folder)) == 7
    np.testing.assert_allclose(mouth(folder), 0.7, atol=1e-5)
    voice, rate = soundfile.read(folder / "voice.wav")
    assert len(voice) / rate == pytest.approx(0.7, abs=1e-3)
    assert np.abs(voice[: int(0.19 * rate)]).max() == 0
    assert np.abs(voice[int(0.25 * rate) :]).max() > 0.2


def test_the_edits_camera_keys_take_the_place_of_the_takes_camera(files):
    path = CameraPath((CameraKey(0, Orbit(azimuth_deg=0)), CameraKey(1, Orbit(azimuth_deg=90))))
    folder = rendered(order_of(files, "cam", kind="tables", view="take", edit=TakeEdit(camera=path).to_json()))
    row = json.loads((folder / "cameras.json").read_text())[5]
    np.testing.assert_allclose(row["viewmat"], Orbit(azimuth_deg=45).camera(SIZE, SIZE).viewmat, atol=1e-6)


def test_as_recorded_plays_what_was_recorded_and_driving_again_hears_the_voice(files):
    recorded = rendered(order_of(files, "rec", kind="tables", drive="take"))
    np.testing.assert_allclose(mouth(recorded), np.arange(10) / FPS, atol=1e-5)
    again = rendered(order_of(files, "voice", kind="tables"))
    assert abs(mouth(again, 2)) < 0.05 < mouth(again, 8)


def test_the_take_of_one_avatar_is_performed_by_another(files):
    """The other one's own lip directions mean something else: only what means the same is carried by name."""
    take_avatar = fake.save(files / "b.avatar", n_gaussians=200)
    layer = EditLayer("a", "A", LayerKind.ADD, 0.0, 1.0, curves={
        "lip.00": Curve((Key(0, 0.7),)), "au.45": Curve((Key(0, 0.5),))})  # fmt: skip
    plain = rendered(order_of(files, "plain", kind="tables", avatar=take_avatar))
    folder = rendered(
        order_of(files, "other", kind="tables", avatar=take_avatar, edit=TakeEdit(layers=(layer,)).to_json())
    )
    rows = np.genfromtxt(folder / "controls.csv", delimiter=",", names=True, deletechars="")
    np.testing.assert_allclose(rows["au.45"], 0.5, atol=1e-5)
    np.testing.assert_allclose(rows["lip.00"], mouth(plain), atol=1e-5)
    with pytest.raises(OutputError, match="drive it again"):
        rendered(order_of(files, "x", kind="tables", avatar=take_avatar, drive="take"))


def test_supersampling_smooths_edges_and_keeps_the_size(files):
    plain, fine = (rendered(order_of(files, f"s{s}", kind="png", supersample=s)) for s in (1, 3))
    a, b = (np.asarray(Image.open(f / "frame_000000.png")).astype(float) for f in (plain, fine))
    assert a.shape == b.shape
    assert 0 < np.abs(a - b).mean() < 20


def test_a_visible_label_is_there_only_when_asked_for(files):
    look = {"kind": "png", "width": 128, "height": 128, "background": (0.5, 0.5, 0.5)}
    plain, labelled = (
        rendered(order_of(files, name, label=label, **look))
        for name, label in (("p", ""), ("l", "Made with a synthetic face"))
    )
    a, b = (np.asarray(Image.open(f / "frame_000000.png")).astype(int) for f in (plain, labelled))
    changed = np.abs(a - b).max(axis=2) > 20
    assert changed[-24:, 40:].mean() > 0.2
    assert not changed[:64].any()


def test_a_clip_says_that_it_is_synthetic_unless_told_not_to(files):
    found = verify(rendered(order_of(files, "said.mp4")))
    assert found.is_synthetic
    assert found.source_type.endswith("compositeWithTrainedAlgorithmicMedia")
    assert not verify(rendered(order_of(files, "unsaid.mp4", says_synthetic=False))).is_synthetic


def test_a_sequence_never_replaces_what_lies_in_a_folder(files):
    (files / "mine").mkdir()
    (files / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="not empty"):
        rendered(order_of(files, "mine", kind="png"))
    assert (files / "mine" / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize("kind", ["mp4", "png", "ply", "tables"])
def test_a_render_that_is_stopped_leaves_nothing(files, kind):
    name = "clip.mp4" if kind == "mp4" else "clip"
    before = set(os.listdir(files))
    work = render.render_clip(order_of(files, name, kind=kind))
    next(step for step in work if step.stage == "Rendering" and step.done == 3)
    work.close()
    assert set(os.listdir(files)) == before


@pytest.mark.parametrize("kind", ["mp4", "png", "tables"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(files, kind, monkeypatch):
    name = "clip.mp4" if kind == "mp4" else "clip"
    before = set(os.listdir(files))

    def no_space(*_, **__):
        raise OSError(28, "No space left on device")

    target = {"mp4": "engine.export.video.VideoWriter._mux", "png": "PIL.Image.Image.save",
              "tables": "engine.export.tables.write_controls"}[kind]  # fmt: skip
    monkeypatch.setattr(target, no_space)
    with pytest.raises(OutputError, match="No space left") as caught:
        rendered(order_of(files, name, kind=kind))
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert set(os.listdir(files)) == before


def test_what_changed_since_the_order_was_made_is_refused(files):
    order = order_of(files, take_key=take_key(files / "t.take"))
    rendered(order)
    with pytest.raises(MouthpieceError, match="changed"):
        rendered(order_of(files, "x.mp4", take_key="0" * 64))
    fake.save(files / "a.avatar", n_gaussians=299)
    with pytest.raises(MouthpieceError, match="changed"):
        rendered(order)


@pytest.mark.parametrize("change", [{"start": 5.0}, {"view": "nowhere"}, {"controls": {"jaw": 1}},
                                    {"take": "missing.take"}, {"background": "missing.png"}])  # fmt: skip
def test_what_cannot_be_rendered_is_one_sentence(files, change):
    with pytest.raises(MouthpieceError) as caught:
        rendered(order_of(files, "x.mp4", **change))
    assert "\n" not in str(caught.value)
    assert not (files / "x.mp4").exists()


def test_silence_and_a_clipped_voice_render(files):
    for name, level in (("silent", 0.0), ("clipped", 5.0)):
        soundfile.write(files / f"{name}.wav", np.clip(np.full(9_600, level), -1, 1), 16_000)
        order = order_of(files, f"{name}.mp4", take=None, voice=files / f"{name}.wav")
        assert len(frames(rendered(order))) == 6


def test_a_voice_alone_needs_no_take(files):
    folder = rendered(order_of(files, "v", kind="tables", take=None, voice=files / "v.wav", controls={"pose.yaw": 5.0}))
    rows = np.genfromtxt(folder / "controls.csv", delimiter=",", names=True, deletechars="")
    np.testing.assert_allclose(rows["pose.yaw"], 5, atol=1e-5)


def test_a_clip_whose_head_the_voice_moves_is_the_same_twice_and_another_by_another_seed(files):
    made_motion().save(files / "m.motion")
    t = np.arange(4 * 16_000) / 16_000
    voice = 0.3 * np.sin(2 * np.pi * 200 * t) * (0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * t))
    soundfile.write(files / "long.wav", voice, 16_000)
    yaws = []
    for name, seed in {"one": 0, "two": 0, "three": 5}.items():
        order = order_of(
            files,
            name,
            kind="tables",
            take=None,
            voice=files / "long.wav",
            head_motion=files / "m.motion",
            head_seed=seed,
        )
        rows = np.genfromtxt(rendered(order) / "controls.csv", delimiter=",", names=True, deletechars="")
        yaws.append(rows["pose.yaw"])
    assert np.array_equal(yaws[0], yaws[1]) and yaws[0].std() > 0.3
    assert np.abs(yaws[0] - yaws[2]).max() > 0.3
