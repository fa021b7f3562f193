"""Lip coordinates, the hull and the fit to the common vocabulary, on made clips."""

import numpy as np
import pytest

from engine.parts.code_basis import fit_basis, flip_towards
from engine.parts.code_hull import fit_hull
from engine.parts.common_fit import COMMON_NAMES, common_track, fit_common, name_components
from engine.vocabulary import ARKIT_INDEX


@pytest.fixture
def clip():
    rng = np.random.default_rng(0)
    jaw, wide = np.clip(rng.normal(0.3, 0.2, 400), 0, 1), np.clip(rng.normal(0.2, 0.1, 400), 0, 1)
    mix = rng.normal(size=(2, 6))
    codes = np.stack([jaw * 3, wide * 2], axis=1) @ mix + 0.01 * rng.normal(size=(400, 6)) + 5
    arkit = np.zeros((400, 52), np.float32)
    arkit[:, ARKIT_INDEX["jawOpen"]] = jaw
    for side in ("Left", "Right"):
        arkit[:, ARKIT_INDEX[f"mouthStretch{side}"]] = wide
    return codes.astype(np.float32), arkit, jaw


def test_components_are_ordered_by_variance_and_turned_towards_opening(clip):
    codes, _, jaw = clip
    basis = fit_basis(codes, jaw < 0.1)
    basis = flip_towards(basis, basis.coordinates(codes), jaw)
    coordinates = basis.coordinates(codes)
    assert np.allclose(coordinates[:, :2].std(axis=0), 1, atol=0.05)
    assert np.corrcoef(coordinates[:, 0], jaw)[0, 1] > 0
    assert np.abs(basis.codes(np.zeros(6)) - codes[jaw < 0.1].mean(axis=0)).max() < 1e-4


def test_the_fit_goes_both_ways_and_carries_pose(clip):
    codes, arkit, jaw = clip
    basis = fit_basis(codes, jaw < 0.1)
    own = basis.coordinates(codes)
    fit = fit_common(own, common_track(arkit, {}), n_gains=2)
    assert fit.to_common.shape == (6 + 6 + 2 + 1, len(COMMON_NAMES))
    assert fit.from_common.shape == (len(COMMON_NAMES) + 1, 6 + 6 + 2)
    column = COMMON_NAMES.index("jawOpen")
    assert fit.explained[column] > 0.9 and fit.explained[COMMON_NAMES.index("browInnerUp")] == 0
    whole = np.concatenate([own, np.zeros((400, 8))], axis=1)
    assert np.abs(fit.common_of(whole)[:, column] - jaw).mean() < 0.05
    asked = np.zeros(len(COMMON_NAMES), np.float32)
    asked[COMMON_NAMES.index("pose.yaw")] = 12.0
    assert fit.own_of(asked)[6] == pytest.approx(12.0)
    assert (fit.own_of(asked)[-2:] == 0).all()


def test_components_are_called_by_what_they_do(clip):
    codes, arkit, jaw = clip
    basis = fit_basis(codes, jaw < 0.1)
    names = name_components(flip_towards(basis, basis.coordinates(codes), jaw).coordinates(codes), arkit)
    assert len(set(names)) == 6
    assert {"Jaw opens", "Corners wide", "Corners in"} & set(names[:2])
    assert any(name.startswith("Lip ") for name in names[2:])


def test_the_hull_holds_the_clip_and_not_a_far_point(clip):
    codes, _, jaw = clip
    coordinates = fit_basis(codes, jaw < 0.1).coordinates(codes)
    hull = fit_hull(coordinates)
    distance = hull.distance(coordinates)
    assert (distance <= 1.0001).mean() >= 0.99 and hull.distance(hull.mean + 50 * np.ones(6)) > 3
    assert (hull.low <= hull.high).all()
