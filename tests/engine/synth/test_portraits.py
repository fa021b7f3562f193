"""Portraits of the population: what priors are shown."""

import numpy as np

from engine.synth.portraits import film_portraits, portrait_head, sample_expression
from engine.vocabulary import ARKIT_INDEX
from tests.toy_head import one_thread


def test_expressions_are_weights_and_mouths_close_no_wider_than_they_open():
    rng = np.random.default_rng(0)
    drawn = np.stack([sample_expression(rng) for _ in range(200)])
    assert drawn.min() >= 0 and drawn.max() <= 1
    assert (drawn[:, ARKIT_INDEX["mouthClose"]] <= drawn[:, ARKIT_INDEX["jawOpen"]] + 1e-6).all()
    assert (drawn[:, ARKIT_INDEX["eyeBlinkLeft"]] > 0.5).any()


def test_a_film_starts_at_rest_shows_the_person_premultiplied_and_is_the_same_for_the_same_seed():
    with one_thread():
        head = portrait_head(1003)
        film = film_portraits(head, 1003, 2, 2, 40)
        again = film_portraits(head, 1003, 2, 2, 40)
    assert film["pictures"].shape == (2, 2, 40, 40, 4) and film["viewmats"].shape == (2, 2, 4, 4)
    assert not film["arkit"][0].any() and film["arkit"][1].any()
    color, alpha = film["pictures"][..., :3].astype(int), film["pictures"][..., 3:].astype(int)
    assert (color <= alpha + 4).all() and 0.2 < (alpha > 127).mean() < 0.9
    assert all(np.array_equal(film[name], again[name]) for name in film)
