"""What every method's avatar must do, whoever made it; see `test_contract.py` for the methods it is asked of."""

from pathlib import Path

import numpy as np

from engine.audio.history import FeatureHistory
from engine.audio.wav import read_sound
from engine.avatar import load_avatar
from engine.controls import Combine, combine
from engine.methods.base import Avatar, DriverInputs
from engine.training.thumbnail import portrait

SHOWN = ("means", "quats", "scales", "opacities", "colors")


def assert_names_are_unique_and_defaults_inside_limits(avatar: Avatar) -> None:
    names = avatar.schema.names
    assert len(set(names)) == len(names)
    for spec in avatar.schema:
        assert spec.minimum <= spec.neutral <= spec.maximum, spec
        assert spec.minimum <= spec.low <= spec.high <= spec.maximum, spec
        assert spec.label and spec.description, spec


def assert_neutral_changes_nothing(avatar: Avatar, driven: np.ndarray) -> None:
    mixed = combine(avatar.schema, driven, avatar.schema.neutral().values)
    assert mixed.tobytes() == driven.tobytes()
    one, two = (picture(avatar, values) for values in (driven, mixed))
    assert one.tobytes() == two.tobytes()


def assert_the_number_of_splats_never_changes(avatar: Avatar, driven: np.ndarray) -> None:
    camera = front(avatar)
    for values in (avatar.schema.rest().values, driven, avatar.schema.column("maximum")):
        layers = avatar.deform(avatar.animate(controls(avatar, values)), camera)
        assert sum(len(layer) for layer in layers) == avatar.manifest.n_gaussians


def assert_each_control_changes_something(avatar: Avatar, driven: np.ndarray) -> None:
    """Pushed to the farther end of its range while the face talks, each control moves at least one splat."""
    before = splats(avatar, driven)
    for i, spec in enumerate(avatar.schema):
        user = avatar.schema.neutral().values
        is_high = driven[i] > (spec.minimum + spec.maximum) / 2
        user[i] = spec.minimum if is_high or spec.combine is Combine.SCALE else spec.maximum
        after = splats(avatar, combine(avatar.schema, driven, user))
        assert any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True)), f"{spec.name} does nothing"


def assert_same_moment_same_pixels(avatar: Avatar, driven: np.ndarray) -> None:
    """Pure functions: other moments in between leave no trace."""
    first = picture(avatar, driven)
    picture(avatar, avatar.schema.column("high"))
    assert picture(avatar, driven).tobytes() == first.tobytes()


def assert_a_state_outlives_the_next(avatar: Avatar, driven: np.ndarray) -> None:
    camera = front(avatar)
    state = avatar.animate(controls(avatar, driven))
    before = [layer.means.clone() for layer in avatar.deform(state, camera)]
    avatar.animate(controls(avatar, avatar.schema.column("high")))
    after = [layer.means for layer in avatar.deform(state, camera)]
    assert all((a == b).all() for a, b in zip(before, after, strict=True))


def assert_maps_show_the_moment(avatar: Avatar, driven: np.ndarray) -> None:
    """Where a method works with maps of its splats, each of them is in one cell and the face moves in them."""
    rest, moved = (avatar.maps(avatar.animate(controls(avatar, v))) for v in (avatar.schema.rest().values, driven))
    for before, after in zip(rest, moved, strict=True):
        assert before.title == after.title and before.words
        for image in (before.image, after.image):
            assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 4
            assert image[..., 3].any(axis=0)[[0, -1]].all() and image[..., 3].any(axis=1)[[0, -1]].all()
        if before.title == "Movement":
            assert (before.image[..., 3] > 0).sum() == avatar.manifest.n_gaussians
    if len(rest) > 1:
        assert any(not np.array_equal(before.image, after.image) for before, after in zip(rest, moved, strict=True))


def assert_a_saved_copy_renders_the_same(path: Path, driven: np.ndarray, copy: Path) -> None:
    import torch

    from engine.avatar import read_tensors, save_avatar
    from engine.manifest import read_manifest

    save_avatar(copy, read_manifest(path), {n: torch.from_numpy(a) for n, a in read_tensors(path).items()})
    one, two = load_avatar(path), load_avatar(copy)
    assert picture(one, driven).tobytes() == picture(two, driven).tobytes()


def driven_moment(avatar: Avatar, dataset: Path, time: float = 0.7, look_ahead_ms: float = 160.0) -> np.ndarray:
    """What the avatar's own driver makes of a moment of a dataset's voice, `[C]`."""
    return driver_of(avatar, dataset).at(time, DriverInputs(look_ahead_ms=look_ahead_ms)).values


def driver_of(avatar: Avatar, dataset: Path):
    samples, _ = read_sound(dataset / "audio.wav")
    histories = []
    for encoder in avatar.encoders():
        history = FeatureHistory(encoder.n_features, 60)
        history.extend(encoder.encode(samples))
        histories.append(history)
    return avatar.driver(histories)


def picture(avatar: Avatar, values: np.ndarray, size: int = 64) -> np.ndarray:
    camera = avatar.manifest.orbit.camera(size, size)
    return portrait(avatar, camera, controls(avatar, values))


def splats(avatar: Avatar, values: np.ndarray) -> list[np.ndarray]:
    layers = avatar.deform(avatar.animate(controls(avatar, values)), front(avatar))
    return [getattr(layer, name).numpy() for layer in layers for name in SHOWN]


def controls(avatar: Avatar, values: np.ndarray):
    made = avatar.schema.rest()
    made.values = np.asarray(values, dtype=np.float32)
    return made


def front(avatar: Avatar, size: int = 64):
    return avatar.manifest.orbit.camera(size, size)
