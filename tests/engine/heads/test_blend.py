"""Sums of blendshapes."""

import numpy as np

from engine.heads.blend import add_shapes


def test_shapes_are_added_by_their_weights_to_a_part_of_the_vertices():
    rng = np.random.default_rng(1)
    vertices, moves = rng.normal(size=(9, 3)), rng.normal(size=(4, 5, 3)).astype(np.float32)
    weights = np.array([0.5, 0.0, 1.0, 0.25])
    expected = vertices.copy()
    expected[2:7] += np.einsum("a,avc->vc", weights, moves)
    add_shapes(vertices[2:7], weights, moves)
    assert np.allclose(vertices, expected, atol=1e-12, rtol=0)
