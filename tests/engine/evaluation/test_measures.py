"""What can be measured here: figures of known pictures, and OpenFace through its own files."""

import contextlib
import stat

import numpy as np
import pytest

from engine.errors import ModelMissingError
from engine.evaluation.comparison import Compared
from engine.evaluation.measures import UNITS, action_unit_error, find_measures, lip_difference, read_openface


def compared(index: int = 0, change: float = 0.0) -> Compared:
    truth = np.full((32, 32, 3), 0.4, np.float32)
    made, head = truth.copy(), np.zeros((32, 32), np.float32)
    head[4:28, 8:24] = 1
    made[16:28, 8:24] += change
    return Compared(index, truth, made, head)


def table(path, intensity: float, rows: int = 3):
    names = ", ".join(["frame", *(f"AU{unit}_r" for unit in UNITS)])
    path.write_text("\n".join([names, *(", ".join([str(i), *[str(intensity)] * len(UNITS)]) for i in range(rows))]))
    return path


def test_action_unit_error_sums_over_units_and_parts(tmp_path):
    made, truth = (read_openface(table(tmp_path / f"{v}.csv", v)) for v in (1.5, 1.0))
    error = action_unit_error(made, truth)
    assert error["aue"] == pytest.approx(17 * 0.25)
    assert error["aue_lower"] == pytest.approx(9 * 0.25) and error["aue_upper"] == pytest.approx(8 * 0.25)


def test_a_table_without_the_units_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("frame, AU01_r\n1, 0.5\n")
    with pytest.raises(ModelMissingError, match="OpenFace"):
        read_openface(tmp_path / "x.csv")


def test_openface_is_run_on_both_clips(tmp_path):
    program = tmp_path / "FeatureExtraction"
    columns = ",".join(f"AU{unit}_r" for unit in UNITS)
    program.write_text(f"""#!/bin/sh
while [ $# -gt 0 ]; do case $1 in -out_dir) dir=$2;; -of) name=$2;; -fdir) frames=$2;; esac; shift; done
case $name in made.csv) v=2;; *) v=1;; esac
echo '{columns}' > $dir/$name
for f in $frames/*.png; do echo {",".join(["$v"] * len(UNITS))} >> $dir/$name; done
""")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with contextlib.ExitStack() as stack:
        measures = find_measures(stack, openface=program, folder=tmp_path)
        rows = {}
        for measure in measures.of_clip:
            rows |= measure(None, [compared(0), compared(1)])
    assert rows == {"aue": 17.0, "aue_lower": 9.0, "aue_upper": 8.0}
    with contextlib.ExitStack() as stack, pytest.raises(ModelMissingError, match="FeatureExtraction"):
        find_measures(stack, openface=tmp_path / "nothing", folder=tmp_path)


def test_without_weights_only_proxies_are_taken_and_every_other_measure_says_what_lacks(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with contextlib.ExitStack() as stack:
        measures = find_measures(stack, folder=tmp_path)
    assert set(measures.by_frame) == {"perceptual_proxy", "lip_l1_proxy"} and not measures.of_clip
    for name in ("LPIPS", "FID", "IDSIM", "Sync-C", "AUE"):
        note = next(note for note in measures.notes if name in note)
        assert "http" in note and "\n" not in note


def test_the_difference_of_the_lower_face_sees_the_lower_face():
    assert lip_difference(compared()) == 0
    assert lip_difference(compared(change=0.1)) == pytest.approx(0.1, abs=0.02)


def test_mouth_and_blinks_of_made_frames_are_compared_with_the_true_ones_of_the_same_part():
    from engine.evaluation.measures import FaceMotion
    from tests.engine.evaluation.test_metrics import faces

    openings, eyes = 0.05 + 0.05 * np.sin(np.arange(50)), np.where(np.arange(50) % 12 < 3, 0.05, 0.3)

    class Read:
        """Reads a face off a picture's first pixel: which frame it is, and whether it moves as the truth does."""

        def points(self, picture):
            frame, is_stiff = round(float(picture[0, 0, 0]) * 100), picture[0, 0, 1] > 0.5
            return faces(openings[frame : frame + 1], [0.3] if is_stiff else eyes[frame : frame + 1])[0]

    class Voice:
        dataset = type("Source", (), {"times": np.arange(50) / 25})
        sound, sound_rate_hz = np.random.default_rng(0).normal(size=32_000).astype(np.float32), 16_000

    def part(is_stiff: bool) -> list[Compared]:
        frames = []
        for index in range(50):
            truth, made = np.zeros((2, 4, 4, 3), np.float32)
            truth[..., 0] = made[..., 0] = index / 100
            made[..., 1] = float(is_stiff)
            frames.append(Compared(index, truth, made, np.ones((4, 4), np.float32)))
        return frames

    motion = FaceMotion(Read())
    for is_stiff, blink in ((False, 1.0), (True, 0.0)):
        frames = part(is_stiff)
        assert all(motion.lmd_px(frame) == 0 for frame in frames)
        found = motion.figures(Voice(), frames)
        assert found["mouth_correlation"] == pytest.approx(1) and found["blink_correlation"] == pytest.approx(blink)
        assert {"sync_correlation_proxy", "sync_lag_ms_proxy"} <= set(found)
    assert motion.figures(Voice(), []) == {}
