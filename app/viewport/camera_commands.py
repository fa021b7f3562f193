"""What a person can have the viewport's camera do by name; each is one step of the history."""

from collections.abc import Callable

from app.viewport.camera_controller import CameraController
from app.viewport.camera_hand import CameraHand
from app.viewport.chrome import ViewportChrome
from engine.camera import Orbit

AXES = ("front", "back", "left", "right", "top", "bottom")
NOVEL = (("left", 20, 20.0), ("right", 20, -20.0), ("left", 30, 30.0), ("right", 30, -30.0))
"""Side, degrees by name, azimuth."""
SLOTS = range(1, 10)


class CameraCommands:
    """Framings, axis and novel views, bookmarks, motions.

    Args:
        trained_from: the camera of the avatar on stage, None while there is none.
    """

    def __init__(
        self, controller: CameraController, hand: CameraHand, trained_from: Callable[[], Orbit | None]
    ) -> None:
        self._controller, self._hand, self._trained_from = controller, hand, trained_from

    def named(self) -> dict[str, Callable[[], object]]:
        """By the names of the table of actions."""
        rows: dict[str, Callable[[], object]] = {
            "view.frame_face": self.frame_face,
            "view.frame_eyes": self.frame_eyes_and_mouth,
            "view.reset": self.reset,
            "view.ortho": lambda: self.set_ortho(not self._controller.is_ortho),
            "view.training": self.look_as_trained,
            "view.turntable": lambda: self.toggle_motion("turntable"),
            "view.spiral": lambda: self.toggle_motion("spiral"),
        }
        rows |= {f"view.{side}_{angle}": lambda turn=turn: self.look_anew(turn) for side, angle, turn in NOVEL}
        rows |= {f"view.{name}": lambda name=name: self.look_along(name) for name in AXES}
        rows |= {f"view.bookmark_{n}": lambda n=n: self.recall_bookmark(n) for n in SLOTS}
        return rows | {f"view.store_{n}": lambda n=n: self.store_bookmark(n) for n in SLOTS}

    def join(self, chrome: ViewportChrome) -> None:
        """Carries out what the overlays ask for."""
        chrome.face_framed.connect(self.frame_face)
        chrome.eyes_framed.connect(self.frame_eyes_and_mouth)
        chrome.axis_chosen.connect(self.look_along)
        chrome.lens_chosen.connect(self.set_lens)
        chrome.ortho_toggled.connect(self.set_ortho)
        chrome.novel_chosen.connect(self.look_anew)
        chrome.motion_toggled.connect(self.toggle_motion)
        chrome.bookmark_recalled.connect(self.recall_bookmark)
        chrome.bookmark_stored.connect(self.store_bookmark)
        chrome.bookmark_removed.connect(self.remove_bookmark)

    def frame_face(self) -> None:
        self._hand.do("Frame the face", self._controller.frame_face)

    def frame_eyes_and_mouth(self) -> None:
        self._hand.do("Frame eyes and mouth", self._controller.frame_eyes_and_mouth)

    def reset(self) -> None:
        self._hand.do("Reset the camera", self._controller.go_home)

    def look_as_trained(self) -> None:
        """From where the avatar was filmed."""
        orbit = self._trained_from()
        if orbit is not None:
            self._hand.do("Training camera", lambda: self._controller.go_to(orbit))

    def look_along(self, axis: str) -> None:
        self._hand.do("Axis view", lambda: self._controller.axis_view(axis))

    def look_anew(self, azimuth_deg: float, elevation_deg: float = 0.0) -> None:
        """From an angle that training may not have seen."""
        self._hand.do("Novel view", lambda: self._controller.novel_view(azimuth_deg, elevation_deg))

    def set_lens(self, fov_deg: float) -> None:
        self._hand.do("Lens", lambda: self._controller.set_fov(fov_deg))

    def set_ortho(self, is_ortho: bool) -> None:
        self._hand.do("Orthographic view", lambda: setattr(self._controller, "is_ortho", is_ortho))
        self._hand.moved.emit()

    def recall_bookmark(self, slot: int) -> None:
        self._hand.do(f"Camera {slot}", lambda: self._controller.recall_bookmark(slot))

    def store_bookmark(self, slot: int) -> None:
        self._hand.do(f"Store camera {slot}", lambda: self._controller.store_bookmark(slot))

    def remove_bookmark(self, slot: int) -> None:
        self._hand.do(f"Remove camera {slot}", lambda: self._controller.bookmarks.pop(slot, None))

    def toggle_motion(self, name: str) -> None:
        """Starts or stops `turntable` or `spiral`."""
        if self._controller.motion == name:
            self._controller.stop_motion()
        else:
            self._controller.start_motion(name)
        self._hand.follow()
