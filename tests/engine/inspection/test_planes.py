"""The triplane of an avatar can be looked at; avatars without one say so."""

import numpy as np
import pytest
from PIL import Image

from engine.errors import AvatarError
from engine.inspection.planes import planes_picture, write_planes
from tests.toy_head import train_toy


def test_the_planes_of_a_trained_avatar_are_a_picture(toy_dataset, tmp_path):
    path = train_toy(toy_dataset, tmp_path / "x.avatar", "gaussiantalker", iterations=4)
    write_planes(path, tmp_path / "planes.png")
    picture = np.asarray(Image.open(tmp_path / "planes.png"))
    assert picture.shape == (64, 96, 3)  # two resolutions, the finer of 32
    assert picture.std() > 20 and np.array_equal(picture, planes_picture(path))


def test_an_avatar_without_planes_is_refused(toy_avatar, tmp_path):
    with pytest.raises(AvatarError, match="no triplane"):
        write_planes(toy_avatar, tmp_path / "planes.png")
    assert not (tmp_path / "planes.png").exists()
