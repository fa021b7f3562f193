"""Who can be filmed: the cast, and random people that are always the same for a seed."""

import pytest

from engine.errors import MouthpieceError
from engine.synth.population import CAST, person, sample_identity


def test_a_seed_is_always_the_same_person():
    assert sample_identity(7) == sample_identity(7)
    assert sample_identity(7) != sample_identity(8)


def test_forty_people_differ_in_skin_hair_and_style():
    people = [sample_identity(seed).look for seed in range(40)]
    assert len({p.hair_style for p in people}) >= 5
    assert max(p.skin_tone for p in people) - min(p.skin_tone for p in people) > 0.6
    assert max(p.age for p in people) - min(p.age for p in people) > 0.5


def test_people_are_named_or_numbered():
    assert person("Noa") is CAST["noa"]
    assert person("12") == sample_identity(12)
    with pytest.raises(MouthpieceError, match="marlow"):
        person("nobody")
