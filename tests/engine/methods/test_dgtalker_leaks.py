"""What sliders of one half of the face may change of the other, told by the Gaussians themselves."""

import pytest
import torch
from torch import Tensor

from engine.methods.dgtalker import Config, begin
from engine.methods.dgtalker.leaks import SLIDER_END, Halves, Sliders
from engine.methods.dgtalker.training import LEARNING, TUNING
from engine.training.trainer import configured
from engine.vocabulary import ARKIT_52, ARKIT_INDEX
from tests.toy_head import TOY_CONFIGS, loaded_clip

SETTINGS = TOY_CONFIGS["dgtalker"] | {
    "basis_start": "random",
    "cross_view": 1.0,
    "rate_shapes": 1e-2,
    "lambda_leak": 1.0,
}


@pytest.fixture(scope="module")
def clip(toy_dataset):
    return loaded_clip(toy_dataset)


@pytest.fixture
def model(clip):
    return begin(clip, configured(Config(), SETTINGS), torch.device("cpu"), 0)


def faces(model, rows, size: float):
    """Raw attributes of a face, and of one whose Gaussians of some rows stand elsewhere."""
    with torch.no_grad():
        one = model.networks.generator(model.networks.canonical[None])[0]
    two = one.clone()
    two[rows, :3] += size
    return one, two


def test_a_leak_is_the_share_of_a_change_that_lies_in_the_wrong_half(model):
    halves = Halves(model)

    def leak(one, two, is_upper: bool) -> Tensor:
        return halves.leak(one, two, is_upper)[0].detach()

    lower, upper = (share > 0.5 for share in halves._shares)
    assert lower.any() and upper.any() and not (lower & upper).any()
    one, two = faces(model, lower, 0.1)
    assert leak(one, two, is_upper=True) < 0.05 < 0.9 < leak(one, two, is_upper=False) < 1
    assert not leak(one, one, is_upper=True).any()
    one, least, less, more = (faces(model, lower | upper, size)[1] for size in (0.0, 1e-4, 0.2, 0.4))
    share, same, hardly = (float(leak(one, two, is_upper=True)) for two in (more, less, least))
    assert share == pytest.approx(same, rel=0.2) and hardly < 0.1 * share
    assert halves.leak(one, one, is_upper=True)[1] == 0 < halves.leak(one, less, is_upper=True)[1]


def test_before_there_are_directions_a_push_is_along_a_coefficient_the_film_knows(model):
    assert model.stage(0.0) == TUNING
    with torch.no_grad():
        for row, value in enumerate(model.networks.shapes):
            value.zero_()[row] = 1.0
    spread = model.networks.known.std(dim=0)
    for lips in (True, False):
        pushed = {
            int(push.abs().argmax()): float(push.abs().max())
            for push in (model.sliders.push(lips).detach() for _ in range(60))
        }
        names = {ARKIT_52[row] for row in pushed}
        assert all(name.startswith(("jaw", "mouth")) for name in names) if lips else "eyeBlinkLeft" in names
        assert all(0 < size <= SLIDER_END * float(spread[row]) * 1.001 for row, size in pushed.items())
    assert "jawOpen" not in names and float(spread[ARKIT_INDEX["jawOpen"]]) > 0


def test_in_the_third_stage_it_is_along_one_direction_as_far_as_its_slider_goes(model, monkeypatch):
    model.enter(LEARNING)
    directions = model.networks.directions().detach()
    lips, expressions = model.coefficients(torch.arange(0, model.clip.n_train).numpy())
    for is_lip, spread, n_before in ((True, lips.std(dim=0), 0), (False, expressions.std(dim=0), len(directions) // 2)):
        for _ in range(20):
            along = directions @ model.sliders.push(is_lip)[0].detach()
            k = int(along.abs().argmax())
            assert n_before <= k < n_before + 20
            assert 0 < float(along[k].abs()) < 1.5 * SLIDER_END * float(spread[k - n_before])
            along[k] = 0.0
            assert float(along.abs().max()) < 1e-4


def test_what_changes_most_is_pushed_most_and_everything_sometimes(model):
    model.enter(LEARNING)
    strong, counts = 3, dict.fromkeys(range(20), 0)
    for _ in range(2000):
        push = model.networks.directions().detach() @ model.sliders.push(lips=True)[0].detach()
        k = int(push.abs().argmax())
        model.sliders.changed(0.4 * abs(float(push[k])) if k == strong else 1e-5)
        counts[k] += 1
    assert counts[strong] > 1000 and min(counts.values()) > 5


def test_a_push_that_moves_nothing_says_nothing_of_the_one_before(model):
    model.enter(LEARNING)
    model.sliders.push(lips=True)
    model.sliders.changed(0.4)
    before = [dict(seen) for seen in model.sliders._changes]
    model.sliders._spreads = [torch.zeros_like(spread) for spread in model.sliders._spreads]
    assert not model.sliders.push(lips=False).any()
    model.sliders.changed(0.0)
    assert model.sliders._changes == before and any(before)


@pytest.mark.parametrize("stage", [TUNING, LEARNING])
def test_the_term_makes_the_leak_smaller(model, stage):
    """Of generator or directions alone, with nothing else to please."""
    model.enter(stage)
    net = model.networks
    with torch.no_grad():
        net.shapes.copy_(0.3 * torch.randn_like(net.shapes))
    trained = [p for p in net.parameters() if p.requires_grad]
    adam = torch.optim.Adam(trained, 1e-2 if stage == LEARNING else 1e-3)
    leaks = []
    for step in range(120):
        with torch.no_grad():
            rest = net.of_frame(step % model.clip.n_train) if stage == TUNING else net.canonical[None]
        raw = net.generator(torch.cat([rest, rest + model.sliders.push(lips=True)]))
        leak, _ = model.halves.leak(raw[0], raw[1], is_upper=True)
        adam.zero_grad()
        leak.backward()
        adam.step()
        leaks.append(float(leak.detach()))
    assert sum(leaks[-30:]) < 0.7 * sum(leaks[:30]), (sum(leaks[:30]), sum(leaks[-30:]))


def test_the_papers_setting_has_no_such_term(clip):
    model = begin(clip, configured(Config(), SETTINGS | {"lambda_leak": 0.0}), torch.device("cpu"), 0)
    sample = clip.sample(0)
    model.gaussians(sample, 0.0)
    assert model.sliders is None and Config().lambda_leak == 0
    assert "leak" not in model.losses(sample.target, sample, 0.0)


def test_a_step_of_cross_view_supervision_has_it_once(model):
    assert isinstance(model.sliders, Sliders)
    sample = model.clip.sample(0)
    for stage in (TUNING, LEARNING):
        model.enter(stage)
        model.gaussians(sample, 0.0)
        first, second = (model.losses(sample.target, sample, 0.0) for _ in range(2))
        assert "leak" in first and "leak" not in second
