"""Camera keys and what lies between them."""

import json

import numpy as np
import pytest

from engine.camera import Orbit
from engine.errors import CameraError
from engine.performance.camera_path import (
    READY_PATHS,
    CameraKey,
    CameraPath,
    load_camera_path,
    ready_path,
    save_camera_path,
)

PATH = CameraPath(
    (
        CameraKey(0, Orbit(azimuth_deg=-20, distance=4)),
        CameraKey(2, Orbit((0.1, 0, 0), azimuth_deg=30, elevation_deg=10, distance=5, fov_deg=30)),
        CameraKey(3, Orbit(azimuth_deg=170, distance=4)),
        CameraKey(6, Orbit(azimuth_deg=200, distance=4, roll_deg=20)),
    )
)


def matrix(orbit: Orbit) -> np.ndarray:
    return orbit.camera(64, 64).viewmat


def test_the_path_goes_through_its_keys_and_stands_before_and_after():
    for key in PATH.keys:
        np.testing.assert_allclose(matrix(PATH.at(key.time)), matrix(key.orbit), atol=1e-9)
    assert PATH.at(-1) == PATH.keys[0].orbit
    assert PATH.at(99) == PATH.keys[-1].orbit
    assert CameraPath().at(1) is None


def test_position_and_direction_have_no_kinks():
    times = np.linspace(0.01, 5.99, 1200)
    matrices = np.stack([matrix(PATH.at(t)) for t in times])
    velocity = np.diff(matrices, axis=0)
    jumps = np.abs(np.diff(velocity, axis=0)).max()
    assert jumps < 0.02 * np.abs(velocity).max()


def test_between_two_keys_the_direction_is_the_slerp():
    two = CameraPath((CameraKey(0, Orbit(azimuth_deg=0)), CameraKey(1, Orbit(azimuth_deg=80))))
    assert [two.at(t).azimuth_deg for t in (0.25, 0.5)] == pytest.approx([20, 40])


def test_a_turntable_goes_all_the_way_round_at_one_distance():
    path = ready_path("turntable", Orbit(distance=4), 8.0)
    orbits = [path.at(t) for t in np.linspace(0, 8, 81)]
    np.testing.assert_allclose([np.linalg.norm(o.camera(8, 8).position) for o in orbits], 4, atol=1e-6)
    turned = np.unwrap(np.radians([o.azimuth_deg for o in orbits]))
    assert np.degrees(turned[-1] - turned[0]) == pytest.approx(360)


@pytest.mark.parametrize("kind", READY_PATHS)
def test_ready_moves_fill_the_take(kind):
    path = ready_path(kind, Orbit(), 4.0)
    assert (path.keys[0].time, path.keys[-1].time) == (0, 4)


def test_a_hold_stays_and_then_jumps():
    path = CameraPath((CameraKey(0, Orbit(azimuth_deg=0), is_hold=True), CameraKey(1, Orbit(azimuth_deg=90))))
    assert path.at(0.99).azimuth_deg == 0
    assert path.at(1.0).azimuth_deg == 90


def test_a_key_at_the_same_time_is_replaced():
    path = PATH.with_key(CameraKey(2.0, Orbit(azimuth_deg=5)))
    assert len(path) == 4
    assert path.keys[1].orbit.azimuth_deg == 5
    assert len(path.without(2.0)) == 3


def test_a_saved_path_is_read_back_the_same(tmp_path):
    save_camera_path(tmp_path / "path.json", PATH)
    assert load_camera_path(tmp_path / "path.json") == PATH


@pytest.mark.parametrize("rows", [3, [4], [{"time": 0}], [{**PATH.keys[0].to_json(), "time": "x"}],
                                  [PATH.keys[0].to_json(), PATH.keys[0].to_json()]])  # fmt: skip
def test_a_file_that_is_no_path_is_refused(tmp_path, rows):
    (tmp_path / "path.json").write_text(json.dumps(rows))
    with pytest.raises(CameraError, match=r"\.$"):
        load_camera_path(tmp_path / "path.json")
    with pytest.raises(CameraError, match="ready move"):
        ready_path("dance", Orbit(), 1)
