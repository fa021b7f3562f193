"""Identity: named parameters that bend the whole head, so that skin, ears, eyes, hair and expressions go along."""

from dataclasses import asdict, dataclass, fields

import numpy as np

from engine.heads.sculpt.fields import ramp


@dataclass(frozen=True)
class Form:
    """The shape of a face; 0 is the mean, -1 and 1 are marked but natural."""

    face_width: float = 0.25
    face_length: float = -0.9
    jaw_width: float = 0.25
    chin_length: float = 0.0
    chin_forward: float = 0.0
    chin_width: float = 0.0
    nose_length: float = -0.2
    nose_width: float = -0.2
    nose_bridge: float = 0.1
    nose_tip: float = 0.2
    eye_size: float = 0.55
    eye_spacing: float = -0.55
    eye_tilt: float = 0.2
    lip_fullness: float = -0.1
    mouth_width: float = -0.2
    brow_height: float = 0.0
    brow_ridge: float = 0.0
    cheek: float = 0.15
    softness: float = 0.25
    neck: float = 0.2
    ear_size: float = 0.0

    def bend(self, points: np.ndarray) -> np.ndarray:
        """Template points `[N, 3]` (mm) where this face has them."""
        x, y, z = points.T
        side = np.tanh(x / 6)
        mirrored = np.abs(x)
        out = np.zeros_like(points)

        def near(centre, size):
            d = (np.stack([mirrored, y, z], 1) - np.array(centre)) / np.array(size)
            return np.exp(-(d**2).sum(1))

        head = ramp(-140, -100, y)
        out[:, 0] += x * 0.055 * self.face_width * head
        out[:, 1] -= ramp(10, -70, y) * head * 6 * self.face_length
        out[:, 0] += side * 5.5 * self.jaw_width * near((46, -68, 22), (26, 30, 48))
        out[:, 1] -= 4.5 * self.chin_length * near((0, -98, 76), (26, 18, 40))
        out[:, 2] += 4 * self.chin_forward * near((0, -95, 80), (24, 20, 34))
        out[:, 0] += side * 3.0 * self.chin_width * near((12, -96, 76), (12, 14, 30))
        out[:, 1] -= 4.0 * self.nose_length * near((0, -40, 94), (18, 15, 26))
        out[:, 2] += 2.0 * self.nose_length * near((0, -34, 94), (19, 20, 30))
        out[:, 0] += x * 0.24 * self.nose_width * near((0, -38, 92), (24, 14, 24))
        out[:, 2] += 3 * self.nose_bridge * near((0, -6, 86), (11, 18, 24))
        out[:, 1] += 3 * self.nose_tip * near((0, -38, 104), (10, 8, 14))
        around_eye = near((32.5, 0, 66), (27, 20, 40))
        from_eye = np.stack([(mirrored - 32.5) * np.sign(x), y, 0.35 * (z - 72)], 1)
        out += from_eye * (0.10 * self.eye_size * around_eye)[:, None]
        out[:, 0] += side * 2.6 * self.eye_spacing * near((30, 0, 66), (26, 24, 44))
        out[:, 1] += (mirrored - 32.5) * 0.10 * self.eye_tilt * near((32.5, 0, 66), (26, 16, 40))
        out[:, 1] += (y + 66) * 0.20 * self.lip_fullness * near((0, -66, 92), (28, 13, 26))
        out[:, 2] += 2.0 * self.lip_fullness * near((0, -66, 94), (20, 11, 20))
        out[:, 0] += x * 0.10 * self.mouth_width * near((0, -66, 88), (34, 18, 34))
        out[:, 1] += 3.2 * self.brow_height * near((28, 23, 74), (30, 12, 34))
        out[:, 2] += 3.0 * self.brow_ridge * near((22, 19, 80), (28, 10, 30))
        out[:, 0] += side * 4 * self.cheek * near((44, -24, 52), (18, 18, 34))
        out[:, 2] += 2.5 * self.cheek * near((34, -28, 66), (17, 15, 26))
        out[:, 0] += side * 5 * self.softness * near((42, -52, 42), (22, 22, 36))
        out[:, 1] -= 4 * self.softness * near((0, -104, 50), (30, 16, 34))
        out[:, 0] += x * 0.10 * self.neck * ramp(-95, -120, y) * ramp(-190, -150, y)
        ear = near((76, -14, -6), (16, 40, 26)) * 0.16 * self.ear_size
        out += np.stack([(mirrored - 68) * np.sign(x), y + 14, z - 2], 1) * ear[:, None]
        return points + out

    def only(self, *names: str) -> "Form":
        """The same form with every parameter but these at 0."""
        return Form(**{f.name: getattr(self, f.name) if f.name in names else 0.0 for f in fields(self)})


@dataclass(frozen=True)
class Look:
    """Colours, hair and clothes; tones run from 0 to 1 over their palettes (`appearance`)."""

    skin_tone: float = 0.34
    hair_color: float = 0.22
    eye_color: float = 0.93
    blush: float = 0.7
    freckles: float = 0.0
    lip_color: float = 0.4
    age: float = 0.2
    stubble: float = 0.0
    brow_thickness: float = 1.0
    hair_style: str = "crop"
    hair_length: float = 1.15
    cloth: tuple[int, int, int] = (58, 72, 88)


@dataclass(frozen=True)
class Identity:
    """One person of the house: form, look, and how far the resting mouth smiles."""

    name: str = "default"
    form: Form = Form()
    look: Look = Look()
    rest_smile: float = 0.25

    def to_json(self) -> dict:
        return asdict(self)


FORM_NAMES = tuple(f.name for f in fields(Form))
