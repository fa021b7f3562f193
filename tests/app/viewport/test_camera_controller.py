"""The camera model: gestures, damping, framings, bookmarks, undo."""

import numpy as np
import pytest

from app.viewport.camera_controller import EYES_AND_MOUTH, FACE, CameraController, axes
from engine.camera import Orbit
from engine.errors import CameraError


def seen_at(orbit: Orbit, point: np.ndarray, aspect: float) -> np.ndarray:
    """Where a world point stands in the picture, -1 to 1, y up."""
    camera = orbit.camera(round(1000 * aspect), 1000)
    x, y, z = camera.viewmat[:3, :3] @ point + camera.viewmat[:3, 3]
    u, v = camera.k[0, 0] * x / z + camera.k[0, 2], camera.k[1, 1] * y / z + camera.k[1, 2]
    return np.array([2 * u / camera.width - 1, 1 - 2 * v / camera.height])


def settled(controller: CameraController) -> CameraController:
    for _ in range(200):
        controller.step(1 / 60)
    return controller


def test_a_turn_is_damped_and_has_covered_95_percent_after_90_ms():
    controller = CameraController(Orbit())
    controller.turn(40.0, 10.0)
    assert controller.orbit.azimuth_deg == 0.0
    for _ in range(9):
        controller.step(0.010)
    assert controller.orbit.azimuth_deg == pytest.approx(40.0 * 0.95, abs=0.2)
    assert not settled(controller).is_moving
    assert controller.orbit == controller.goal


def test_damping_does_not_depend_on_the_step_length():
    coarse, fine = CameraController(), CameraController()
    for controller in (coarse, fine):
        controller.turn(30.0, -5.0)
    coarse.step(0.04)
    for _ in range(40):
        fine.step(0.001)
    assert coarse.orbit.azimuth_deg == pytest.approx(fine.orbit.azimuth_deg, abs=1e-9)


def test_elevation_stops_at_the_poles():
    controller = CameraController()
    controller.turn(0.0, 400.0)
    assert controller.goal.elevation_deg == 90.0


@pytest.mark.parametrize("at", [(0.0, 0.0), (0.6, -0.3), (-0.9, 0.8)])
@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_zoom_keeps_what_lies_under_the_cursor(at, factor):
    controller = CameraController(Orbit(azimuth_deg=25, elevation_deg=-12, roll_deg=8))
    under = controller.point_on_target_plane(at, 1.4)
    controller.zoom(factor, at, 1.4)
    assert seen_at(controller.goal, under, 1.4) == pytest.approx(at, abs=1e-9)
    assert controller.goal.distance == pytest.approx(4.5 * factor)


def test_zoom_stops_at_its_limits():
    controller = CameraController()
    for _ in range(100):
        controller.zoom(0.5)
    assert controller.goal.distance == pytest.approx(0.4)


def test_pan_keeps_the_point_under_the_hand():
    controller = CameraController(Orbit(azimuth_deg=-40, elevation_deg=15))
    point = controller.point_on_target_plane((0.2, 0.1), 1.5)
    controller.pan(0.25, -0.1)
    # A pan is counted in picture heights, a place in half ones.
    assert seen_at(controller.goal, point, 1.5) == pytest.approx((0.2 + 0.5 / 1.5, 0.1 - 0.2), abs=1e-9)


def test_pivot_lands_on_the_head_and_leaves_the_eye_almost_where_it_was():
    controller = CameraController(Orbit())
    controller.pivot((0.1, 0.0), 1.0)
    assert controller.goal.target[2] > 0.3
    assert controller.goal.distance == pytest.approx(4.5 - controller.goal.target[2], abs=1e-6)


def test_pivot_beside_the_head_takes_the_plane_of_the_target():
    controller = CameraController(Orbit())
    controller.pivot((0.95, 0.95), 1.5)
    assert controller.goal.target[2] == pytest.approx(0.0)


def test_framings_fill_the_picture_and_know_themselves():
    controller = CameraController(Orbit(fov_deg=30))
    controller.frame_face()
    assert controller.is_framing(FACE) and not controller.is_framing(EYES_AND_MOUTH)
    assert controller.picture_height(controller.goal) == pytest.approx(FACE[1])
    controller.frame_eyes_and_mouth()
    assert controller.is_framing(EYES_AND_MOUTH)
    controller.turn(10, 0)
    assert controller.is_framing(EYES_AND_MOUTH)
    controller.zoom(0.9)
    assert not controller.is_framing(EYES_AND_MOUTH)


def test_a_framing_arrives_in_200_ms():
    controller = CameraController()
    controller.axis_view("left")
    controller.step(0.1)
    assert 0 < controller.orbit.azimuth_deg < 90
    controller.step(0.1)
    assert controller.orbit == controller.goal and controller.orbit.azimuth_deg == 90


def test_axis_views_go_the_short_way_round():
    controller = CameraController()
    controller.turn(700.0, 0.0)
    settled(controller)
    controller.axis_view("front")
    assert controller.goal.azimuth_deg == 720.0


def test_left_shows_the_persons_left_side():
    controller = CameraController()
    controller.axis_view("left")
    _, _, back = axes(controller.goal)
    assert back == pytest.approx([1, 0, 0], abs=1e-9)


def test_the_field_of_view_keeps_the_size_of_the_face():
    controller = CameraController()
    height = controller.picture_height(controller.goal)
    controller.set_fov(45.0)
    assert controller.picture_height(controller.goal) == pytest.approx(height)
    assert controller.goal.fov_deg == 45.0


def test_an_orthographic_view_has_no_perspective_and_the_same_size():
    controller = CameraController()
    controller.is_ortho = True
    near, far = np.array([0.3, 0.2, 0.4]), np.array([0.3, 0.2, -0.4])
    assert seen_at(controller.orbit, near, 1.0) == pytest.approx(seen_at(controller.orbit, far, 1.0), abs=5e-3)
    assert controller.picture_height(controller.orbit) == pytest.approx(controller.picture_height(controller.shown))


def test_bookmarks_are_stored_recalled_and_recognised():
    controller = CameraController()
    controller.turn(15, 5)
    controller.store_bookmark(2)
    assert controller.free_slot() == 1 and controller.bookmark_here() == 2
    controller.turn(345, 0)
    assert controller.bookmark_here() is None
    controller.turn(15, 0)
    assert controller.bookmark_here() == 2, "a full turn later it is the same view"
    controller.turn(100, 3)
    assert not controller.recall_bookmark(1)
    assert controller.recall_bookmark(2)
    assert settled(controller).orbit.elevation_deg == 5
    with pytest.raises(CameraError, match="10"):
        controller.store_bookmark(10)


def test_a_snapshot_brings_back_view_lens_and_bookmarks():
    controller = CameraController()
    before = controller.snapshot()
    controller.turn(33, 7)
    controller.is_ortho = True
    controller.store_bookmark(1)
    controller.restore(before)
    assert controller.snapshot() == before


def test_a_project_keeps_the_camera():
    first, second = CameraController(), CameraController()
    first.turn(12, 3)
    first.store_bookmark(4)
    second.from_json(first.to_json())
    assert second.orbit == first.goal and second.bookmarks == first.bookmarks
    with pytest.raises(CameraError):
        second.from_json({"orbit": {}, "is_ortho": False, "bookmarks": {}})
    assert second.orbit == first.goal


def test_a_turntable_goes_on_until_a_gesture_ends_it():
    controller = CameraController()
    controller.start_motion("turntable")
    for _ in range(100):
        controller.step(0.01)
    assert controller.orbit.azimuth_deg == pytest.approx(20.0)
    controller.turn(1.0, 0.0)
    assert controller.motion is None
    with pytest.raises(CameraError, match="loop"):
        controller.start_motion("loop")


def test_reduced_motion_is_instant():
    controller = CameraController(reduce_motion=True)
    controller.turn(20, 0)
    assert not controller.is_moving and controller.orbit.azimuth_deg == 20
    controller.axis_view("right")
    assert controller.orbit.azimuth_deg == -90


def test_looking_round_keeps_the_eye_and_flying_moves_eye_and_target():
    controller = CameraController()
    eye, _ = controller.ray((0.0, 0.0), 1.0)
    controller.look(25.0, -10.0)
    assert controller.ray((0.0, 0.0), 1.0)[0] == pytest.approx(eye, abs=1e-9)
    assert controller.goal.azimuth_deg == pytest.approx(25.0)
    controller = CameraController()
    before, distance = np.array(controller.goal.target), controller.goal.distance
    controller.fly(0.5, 0.0, 1.0)
    assert np.array(controller.goal.target) - before == pytest.approx([0.5, 0.0, -1.0], abs=1e-9)
    assert controller.goal.distance == distance
