"""What a GGTalker avatar can be asked to do: order, groups, words, ranges."""

import numpy as np
import pytest

from engine.methods.ggtalker.controls import face_specs, plain_label, settings
from engine.vocabulary import ARKIT_52, ARKIT_INDEX


@pytest.fixture(scope="module")
def specs():
    tracks = np.random.default_rng(0).uniform(0, 0.1, (200, 52))
    tracks[:, ARKIT_INDEX["jawOpen"]] *= 8
    return face_specs(ARKIT_52, tracks, "house")


def test_the_mouth_comes_first_most_used_first_and_every_coefficient_once(specs):
    groups = [spec.group for spec in specs]
    n_lips = groups.count("lip")
    assert specs[0].name == "jawOpen" and set(groups[:n_lips]) == {"lip"} and "lip" not in groups[n_lips:]
    assert sorted(spec.name for spec in specs) == sorted((*ARKIT_52, "au.45"))


def test_lids_and_gaze_stand_with_the_action_units_and_brows_with_the_expression(specs):
    of = {spec.name: spec.group for spec in specs}
    assert of["eyeBlinkLeft"] == of["eyeLookUpRight"] == of["au.45"] == "au"
    assert of["browInnerUp"] == of["cheekSquintLeft"] == "expression" and of["cheekPuff"] == of["tongueOut"] == "lip"


def test_ranges_are_those_of_the_film_and_sides_mirror_each_other(specs):
    by_name = {spec.name: spec for spec in specs}
    assert by_name["jawOpen"].high == pytest.approx(0.8, abs=0.05) and by_name["jawOpen"].maximum == 1.0
    assert by_name["mouthSmileLeft"].mirror == "mouthSmileRight" and by_name["jawOpen"].mirror is None


@pytest.mark.parametrize(("name", "label"), [
    ("mouthSmileLeft", "Smile left"), ("mouthLeft", "Mouth left"), ("jawOpen", "Jaw open"),
    ("eyeLookOutLeft", "Eye look out left"), ("mouthClose", "Close"),
])  # fmt: skip
def test_labels_are_short_words(name, label):
    assert plain_label(name) == label


def test_speakers_and_the_rim_are_asked_for_only_where_there_are_any():
    names = {s.name for s in settings(("own",), False, 4)}
    assert not names & {"speaker", "second_speaker", "inpainter"}
    more = {s.name: s for s in settings(("own", "calm"), True, 4)}
    assert more["speaker"].choices == ("own", "calm") and more["inpainter"].restarts == "compose"
    assert all(s.default in s.choices for s in more.values() if s.kind == "choice")
