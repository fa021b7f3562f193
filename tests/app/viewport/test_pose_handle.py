"""The head's handle: it stands where the head looks, and the head follows it."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.viewport.pose_handle import REACH, angles_at
from engine.camera import Orbit, pose_matrix

pytestmark = pytest.mark.display


@pytest.mark.parametrize(("yaw", "pitch"), [(0.0, 0.0), (25.0, 10.0), (-30.0, -15.0)])
@pytest.mark.parametrize("orbit", [Orbit(), Orbit(azimuth_deg=20.0, elevation_deg=10.0)])
def test_the_angles_under_a_point_are_those_whose_handle_is_seen_there(yaw, pitch, orbit):
    camera = orbit.camera(800, 600)
    point = pose_matrix(yaw, pitch, 0.0)[:3, :3] @ np.array([0.0, 0.0, REACH])
    x, y, z = camera.k @ (camera.viewmat[:3, :3] @ point + camera.viewmat[:3, 3])
    assert angles_at(camera, QPointF(x / z, y / z)) == pytest.approx((yaw, pitch), abs=1e-6)


def test_it_shows_on_its_page_and_a_drag_turns_the_head_as_one_undo_step(studio):
    window, dot = studio.window, studio.pose_handle.dot
    assert not dot.isVisible()
    window.right.tabs.setCurrentIndex(2)
    studio.session.step()
    assert dot.isVisible()
    window.viewport.set_reduce_motion(True)
    window.viewport.hand.do("Turn", lambda: window.viewport.controller.turn(50.0, 0.0))
    place = studio.pose_handle.line.geometry()
    assert place.width() > 4 and place.height() > 4
    line, acc = window.viewport.grab().toImage().copy(place), studio.theme.color("acc")
    pixels = [line.pixelColor(x, y) for x in range(line.width()) for y in range(line.height())]
    assert min(abs(p.red() - acc.red()) + abs(p.blue() - acc.blue()) for p in pixels) < 40
    window.viewport.hand.do("Turn", lambda: window.viewport.controller.turn(-50.0, 0.0))
    n = studio.undo_stack.count()
    start = dot.rect().center()
    QTest.mousePress(dot, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    at = QPointF(start + QPoint(60, 0))
    QApplication.sendEvent(
        dot, QMouseEvent(QMouseEvent.Type.MouseMove, at, at, Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton,
                         Qt.KeyboardModifier.NoModifier),
    )  # fmt: skip
    QTest.mouseRelease(dot, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start + QPoint(60, 0))
    assert studio.session.controls.values["pose.yaw"] > 3.0
    assert studio.undo_stack.count() > n
    window.right.tabs.setCurrentIndex(0)
    assert not dot.isVisible()
