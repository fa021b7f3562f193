"""Pictures given away are used again when, and only when, nobody holds them."""

import numpy as np

from engine.raster.pictures import KEPT, PicturePool


def test_a_picture_comes_back_when_it_is_dropped() -> None:
    pool = PicturePool()
    first = pool.get((4, 5))
    address = first.ctypes.data
    del first
    assert pool.get((4, 5)).ctypes.data == address


def test_a_picture_someone_holds_stays_theirs() -> None:
    pool = PicturePool()
    held = [pool.get((4, 5)), pool.get((4, 5))[1:, ::2], memoryview(pool.get((4, 5)))]
    bases = [np.asarray(one).ctypes.data for one in held]
    fresh = pool.get((4, 5))
    assert all(not np.shares_memory(fresh, np.asarray(one)) for one in held) and len(set(bases)) == 3
    del held[0]
    assert pool.get((4, 5)).ctypes.data == bases[0]


def test_other_shapes_are_other_pictures_and_old_ones_are_forgotten() -> None:
    made = []
    pool = PicturePool(lambda shape, dtype: made.append(shape) or np.zeros(shape, dtype))
    for size in range(1, KEPT + 2):
        pool.get((size,))
    pool.get((2,))
    assert len(made) == KEPT + 1
    pool.get((1,))
    assert made[-1] == (1,) and len(made) == KEPT + 2


def test_another_kind_of_number_is_another_picture() -> None:
    pool = PicturePool()
    address = pool.get((4, 5)).ctypes.data
    bytes_ = pool.get((4, 5), np.dtype(np.uint8))
    assert bytes_.dtype == np.uint8 and bytes_.ctypes.data != address
    assert pool.get((4, 5)).ctypes.data == address
