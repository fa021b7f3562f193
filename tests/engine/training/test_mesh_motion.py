"""The filmed motion of start points reaches the Gaussians that began there."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine.training.mesh_motion import ORIGIN, MeshMotion, PointMotion
from engine.vocabulary import ARKIT_INDEX

POINTS = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0]], np.float32)


def clip():
    shapes = np.zeros((52, 3, 3), np.float16)
    shapes[ARKIT_INDEX["jawOpen"], 1] = [0, -0.5, 0]
    shapes[ARKIT_INDEX["tongueOut"], 2] = [0, 0, 1]
    arkit = np.zeros((40, 52), np.float32)
    arkit[7, ARKIT_INDEX["jawOpen"]] = 0.4
    tracks = {"points": POINTS, "point_shapes": shapes, "arkit": arkit, "times": np.arange(40) / 25}
    return SimpleNamespace(tracks=tracks, n_train=40, pixel=lambda: 0.01)


def mesh_of(known, points, until=1000, weight=0.5, round_px=0.0):
    motion = PointMotion.filmed(known.tracks)
    return MeshMotion(known, motion, points, torch.device("cpu"), 0.01, until, weight, round_px)


def test_each_gaussian_moves_as_the_start_point_next_to_it():
    starts = np.concatenate([POINTS + 0.1, POINTS[1:2] - 0.2])
    mesh = mesh_of(clip(), starts)
    assert mesh.origins.tolist() == [0, 1, 2, 1]
    shift = mesh.shift(mesh.origins, 7)
    assert torch.allclose(shift, torch.tensor([[0, 0, 0], [0, -0.2, 0], [0, 0, 0], [0, -0.2, 0]]), atol=1e-4)
    assert not mesh.shift(mesh.origins, 8).any()


def test_only_what_moves_in_the_film_counts_as_moving():
    mesh = mesh_of(clip(), POINTS)
    assert mesh.moves.tolist() == [False, True, False]  # nobody puts out the tongue in this film


def test_the_mesh_leads_wholly_then_fades_and_a_tenth_of_its_say_stays():
    mesh = mesh_of(clip(), POINTS, until=1000, weight=0.5)
    assert [mesh.lead(at) for at in (0, 500, 750, 1000, 9000)] == [1, 1, 0.5, 0, 0]
    hearing = SimpleNamespace(by_chance_at=lambda times: torch.as_tensor(times)[:, None])
    tags = {"active": mesh.moves, ORIGIN: mesh.origins}

    def off(by):
        def moved(rows, codes, ids):
            assert torch.allclose(codes[:, 0], torch.from_numpy(ids / 25))
            return torch.stack([mesh.shift(mesh.origins[rows], index) for index in ids]) + torch.tensor(by)

        return moved

    one = [
        float(mesh.distance(at, tags, hearing, np.random.default_rng(0), off([0.0, 0.03, 0.04]))) for at in (0, 5000)
    ]
    assert np.allclose(one, [0.5 * 5, 0.05 * 5], rtol=1e-3)  # five pixels of 0.01
    assert float(mesh.distance(0, tags, hearing, np.random.default_rng(0), off([0.0, 0.0, 0.0]))) < 1e-3
    rounded = mesh_of(clip(), POINTS, round_px=12.0)
    apart = float(rounded.distance(0, tags, hearing, np.random.default_rng(0), off([0.0, 0.03, 0.04])))
    assert np.isclose(apart, 0.5 * (13 - 12), rtol=1e-4)  # five pixels beside twelve


def blinking_clip():
    """A jaw of ninety points that hardly rests, and the lid of ten that shuts in two frames of forty."""
    points = np.zeros((100, 3), np.float32)
    points[:, 0] = np.arange(100)
    shapes = np.zeros((52, 100, 3), np.float16)
    shapes[ARKIT_INDEX["jawOpen"], :90, 1] = -0.4
    shapes[ARKIT_INDEX["eyeBlinkLeft"], 90:, 1] = -0.1
    arkit = np.zeros((40, 52), np.float32)
    arkit[:, ARKIT_INDEX["jawOpen"]] = np.linspace(0, 1, 40) ** 2
    arkit[[10, 11], ARKIT_INDEX["eyeBlinkLeft"]] = 1
    tracks = {"points": points, "point_shapes": shapes, "arkit": arkit, "times": np.arange(40) / 25}
    return SimpleNamespace(tracks=tracks, n_train=40, pixel=lambda: 0.01)


@pytest.mark.parametrize("is_fair", [True, False])
def test_a_fair_comparison_hears_of_lids_as_much_as_of_the_jaw(is_fair):
    known = blinking_clip()
    points = known.tracks["points"]
    mesh = MeshMotion(
        known, PointMotion.filmed(known.tracks), points, torch.device("cpu"), 0.01, 1000, 0.5, 4.0, is_fair
    )
    hearing = SimpleNamespace(by_chance_at=lambda times: torch.as_tensor(times)[:, None])
    tags = {"active": mesh.moves, ORIGIN: mesh.origins}
    made, lids, shut, of_lids, of_jaw = [], [], [], [], []
    rng = np.random.default_rng(0)
    torch.manual_seed(0)

    def moved(rows, codes, ids):
        still = torch.zeros(len(ids), len(rows), 3, requires_grad=True)
        lids.append(float((rows >= 90).float().mean()))
        shut.append(np.isin(ids, [10, 11]).mean())
        made.append((still, rows))
        return still

    for _ in range(60):
        made.clear()
        mesh.distance(0, tags, hearing, rng, moved).backward()
        ((still, rows),) = made
        pull = still.grad.norm(dim=-1).sum(dim=0)
        of_lids.append(float(pull[rows >= 90].sum()))
        of_jaw.append(float(pull[rows < 90].sum()))
    assert (np.mean(lids) > 0.25) == is_fair  # ten points of a hundred
    assert (np.mean(shut) > 0.2) == is_fair  # two frames of forty
    assert (np.sum(of_lids) > 0.1 * np.sum(of_jaw)) == is_fair


def test_a_clip_without_shapes_knows_no_motion():
    known = clip()
    assert PointMotion.filmed(known.tracks) is not None
    del known.tracks["point_shapes"]
    assert PointMotion.filmed(known.tracks) is None
