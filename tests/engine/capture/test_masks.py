"""Masks, plate and torso layer of the made clip, whose outline and wall are known."""

import cv2
import numpy as np
import pytest

from engine.capture.dataset import write_picture
from engine.capture.head_place import head_places
from engine.capture.masks import cut_masks, learn_masks, read_ready_mask, read_ready_masks
from engine.capture.plate import background_plate, filled, torso_layer
from engine.errors import DatasetError


@pytest.fixture(scope="module")
def masks(clip):
    places = head_places(clip.viewmats, clip.k)
    model = learn_masks(clip.read, clip.landmarks, places, np.arange(len(clip.frames)))
    return [cut_masks(clip.read(i), clip.landmarks[i], places[i], model) for i in range(len(clip.frames))]


def overlap(a, b) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_the_head_is_cut_out_where_it_is(clip, masks):
    assert np.mean([overlap(m[..., 0] > 127, h) for m, h in zip(masks, clip.head, strict=True)]) > 0.95


def test_head_and_torso_make_up_the_person(masks):
    for mask in masks:
        total = mask[..., 0].astype(int) + mask[..., 1]
        assert np.abs(total - mask[..., 2]).max() <= 1


def test_the_neck_is_torso_and_the_wall_is_nobody(clip, masks):
    for mask, head, torso in zip(masks, clip.head, clip.torso, strict=True):
        neck = cv2.erode((torso & ~cv2.dilate(head.astype(np.uint8), np.ones((7, 7))).astype(bool)).astype(np.uint8),
                         np.ones((3, 3), np.uint8)) > 0  # fmt: skip
        assert mask[..., 1][neck].mean() > 230
        wall = ~cv2.dilate((head | torso).astype(np.uint8), np.ones((9, 9))).astype(bool)
        assert mask[..., 2][wall].mean() < 5


def test_masks_have_soft_edges(masks):
    edge = (masks[0][..., 2] > 30) & (masks[0][..., 2] < 225)
    assert 0.002 < edge.mean() < 0.1


def test_a_moving_background_still_gives_a_head(clip):
    rng = np.random.default_rng(0)
    frames = []
    for i, frame in enumerate(clip.frames):
        wall = cv2.GaussianBlur(rng.integers(0, 255, frame.shape, np.uint8), (0, 0), 6)
        wall = np.roll(cv2.normalize(wall, None, 60, 140, cv2.NORM_MINMAX), 7 * i, axis=1)
        wall[..., 0] //= 3  # bluish: colours must tell person and wall apart
        frames.append(np.where((clip.head[i] | clip.torso[i])[..., None], frame, wall))
    places = head_places(clip.viewmats, clip.k)
    model = learn_masks(lambda i: frames[i], clip.landmarks, places, np.arange(len(frames)))
    cut = [cut_masks(frames[i], clip.landmarks[i], places[i], model)[..., 0] > 127 for i in range(0, len(frames), 4)]
    assert np.mean([overlap(c, clip.head[i]) for c, i in zip(cut, range(0, len(frames), 4), strict=True)]) > 0.85


def test_the_plate_is_the_wall_wherever_it_was_seen(clip):
    plate = background_plate(clip.read, clip.read_masks, np.arange(len(clip.frames)))
    free = ~np.array([cv2.dilate((h | t).astype(np.uint8), np.ones((11, 11))) for h, t in zip(clip.head, clip.torso)])
    seen = (free == 255).any(axis=0)
    filmed = cv2.GaussianBlur(clip.wall, (0, 0), 0.5)  # as soft as the made frames are
    difference = np.abs(plate.astype(int) - filmed).max(axis=2)
    assert seen.mean() > 0.5
    assert np.percentile(difference[seen], 99) < 12
    assert np.isfinite(plate).all() and plate[~seen].std() > 0


def test_filling_goes_on_smoothly_and_keeps_what_is_known():
    ramp = np.repeat(np.linspace(0, 200, 64, dtype=np.float32)[None, :, None], 64, axis=0).repeat(3, axis=2)
    known = np.ones((64, 64), np.float32)
    known[20:40, 20:40] = 0
    out = filled(np.where(known[..., None] > 0, ramp, -1000), known)
    assert np.array_equal(out[known > 0], ramp[known > 0])
    assert np.abs(out - ramp).max() < 40


def test_behind_the_head_stand_neck_and_wall_and_no_face(clip):
    index = 4
    layer = torso_layer(clip.read(index), clip.read_masks(index), clip.wall, clip.landmarks[index])
    untouched = ~clip.head[index] & ~clip.torso[index]
    assert np.abs(layer.astype(int) - clip.wall)[untouched].mean() < 2
    top_of_head = clip.head[index].copy()
    top_of_head[int(0.5 * len(layer)) :] = False
    assert np.abs(layer.astype(int) - clip.wall)[top_of_head].max() < 12
    torso = cv2.erode((clip.torso[index] & ~clip.head[index]).astype(np.uint8), np.ones((7, 7))) > 0
    assert np.abs(layer.astype(int) - clip.read(index))[torso].mean() < 4
    chin = int(np.nonzero(clip.head[index].any(axis=1))[0].max())
    x = layer.shape[1] // 2
    carried = layer[chin - 6, x].astype(int)
    assert np.abs(carried - clip.read(index)[chin + 5, x]).max() < np.abs(carried - clip.wall[chin - 6, x]).max()


def test_ready_masks_are_taken_as_they_are_and_counted(clip, tmp_path):
    for i in range(3):
        write_picture(tmp_path / f"{i:06d}.png", clip.read_masks(i))
    size = clip.frames.shape[1]
    paths = read_ready_masks(tmp_path, 3, size, lambda p: p)
    assert np.array_equal(read_ready_mask(paths[1], size, lambda p: p), clip.read_masks(1))
    with pytest.raises(DatasetError, match="holds 3 masks, the video has 4 frames"):
        read_ready_masks(tmp_path, 4, size, lambda p: p)
    with pytest.raises(DatasetError, match="neither the dataset's size nor the video's"):
        read_ready_mask(paths[0], 64, lambda p: p)
