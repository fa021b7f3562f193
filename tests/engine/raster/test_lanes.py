"""The vector type of the blending loops."""

import numpy as np
from numba import njit

from engine.raster.kernels import lanes


@njit
def powers(values, out):
    for i in range(0, values.shape[0], 16):
        lanes.store(out, i, lanes.exp2_below_one(lanes.load(values, i)))


@njit
def arithmetic(first, second, out):
    a, b = lanes.load(first, 0), lanes.load(second, 0)
    lanes.store(out, 0, (a + b * np.float32(2)) / (b - a))
    lanes.store(out, 16, lanes.choose(lanes.at_least(a, b), lanes.most(a, b), lanes.negative(lanes.least(a, b))))
    return lanes.total(a), lanes.any_set(lanes.below(a, b)), lanes.lowest_bit(np.int32(40))


@njit
def bits(firsts, lasts, column, out):
    lanes.store_block_bits(out, lanes.load(firsts, 0), lanes.load(lasts, 0), np.int32(column))


def test_the_fast_exponential_is_within_4_millionths_for_every_value_it_can_get() -> None:
    # every float32 from -30 to 0 that differs in the quartic's argument to within its rounding
    values = np.linspace(-30, 0, 2**22, dtype=np.float32)
    out = np.empty_like(values)
    powers(values, out)
    assert np.abs(out / np.exp2(values.astype(np.float64)) - 1).max() < 4e-6


def test_the_fast_exponential_is_exact_enough_at_whole_numbers_and_next_to_them() -> None:
    whole = np.arange(-31, 1, dtype=np.float32)
    values = np.concatenate([whole, np.nextafter(whole, np.float32(-200)), np.nextafter(whole, np.float32(0))])
    values = np.minimum(values, 0)
    out = np.empty_like(values)
    powers(values, out)
    assert np.abs(out / np.exp2(values.astype(np.float64)) - 1).max() < 4e-6


def test_lanes_compute_as_numpy_does() -> None:
    rng = np.random.default_rng(0)
    a, b, out = (rng.uniform(0.1, 1, size).astype(np.float32) for size in (16, 16, 32))
    total, any_below, bit = arithmetic(a, b, out)
    np.testing.assert_allclose(out[:16], (a + b * 2) / (b - a), rtol=1e-5)
    np.testing.assert_array_equal(out[16:], np.where(a >= b, np.maximum(a, b), -np.minimum(a, b)))
    np.testing.assert_allclose(total, a.sum(), rtol=1e-6)
    assert any_below == (a < b).any() and bit == 3


def test_block_bits_are_the_covered_blocks_of_four_tiles() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        firsts, lasts = rng.integers(0, 14, 16), rng.integers(0, 14, 16)
        column = int(rng.integers(0, 4))
        out = np.zeros(4, np.int32)
        bits(firsts.astype(np.float32), lasts.astype(np.float32) + np.float32(0.7), column, out)
        covered = np.zeros((16, 16), bool)
        for band in range(16):
            covered[band, firsts[band] : max(lasts[band], firsts[band])] = True
        for tile in range(4):
            blocks = covered[4 * tile : 4 * tile + 4, 4 * column : 4 * column + 4].ravel()
            assert out[tile] == sum(1 << i for i in range(16) if blocks[i])
