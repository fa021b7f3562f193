"""The head's place in the picture, maps that move with it, and head pose as six numbers."""

import numpy as np

from engine.camera import WORLD_TO_FRONT, pose_matrix
from engine.capture.head_place import MAP_SIZE, MAP_SPAN, head_places
from engine.capture.head_pose import pose_track


def test_the_place_is_the_projected_middle_with_the_head_s_height(clip):
    places = head_places(clip.viewmats, clip.k)
    for place, head in zip(places, clip.head, strict=True):
        rows, columns = np.nonzero(head)
        assert abs(place.middle[0] - columns.mean()) < 3 and abs(place.middle[1] - rows.mean()) < 3
        assert abs(place.height * 0.96 - (rows.max() - rows.min())) < 6


def test_coordinates_count_head_heights_across_and_up(clip):
    place = head_places(clip.viewmats[:1], clip.k)[0]
    across, along = place.coordinates(clip.head.shape[1])
    assert -0.03 < along[clip.head[0]].min() + 0.48 < 0.03
    assert abs(across[clip.head[0]].max() - 0.34) < 0.03


def test_a_map_made_from_a_picture_goes_back_to_it(clip):
    place = head_places(clip.viewmats[3:4], clip.k)[0]
    there = place.to_map(clip.head[3])
    back = place.from_map(there, clip.head.shape[1]) > 0.5
    assert (back != clip.head[3]).mean() < 0.01
    assert abs(there.sum() / MAP_SIZE**2 * MAP_SPAN**2 - np.pi * 0.34 * 0.48) < 0.03


def test_the_pose_track_names_what_the_cameras_hold():
    front = WORLD_TO_FRONT.copy()
    front[:3, 3] = 0.1, 0.2, 3.0
    poses = [(10.0, -5, 3, 0.1, 0, 0), (-20, 8, -6, -0.1, 0, 0)]
    viewmats = np.array([front @ pose_matrix(*pose) for pose in poses])
    assert np.allclose(pose_track(viewmats), poses, atol=1e-4)
