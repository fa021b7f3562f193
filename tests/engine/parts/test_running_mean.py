"""The running mean of a network's weights."""

import torch

from engine.parts.running_mean import RunningMean


def test_it_begins_as_the_plain_mean_and_then_follows_slowly():
    layer = torch.nn.Linear(2, 2)
    mean, seen = RunningMean(layer, 0.75), []
    own = layer.weight.detach().clone()
    mean.put_into(layer)
    assert torch.equal(layer.weight, own)  # nothing was seen yet
    for _ in range(4):
        with torch.no_grad():
            layer.weight += 1
        mean.see(layer)
        seen.append(layer.weight.detach().clone())
    mean.put_into(layer)
    assert torch.allclose(layer.weight, sum(seen) / 4, atol=1e-6)
    last = layer.weight.detach().clone()
    with torch.no_grad():
        layer.weight += 8
    mean.see(layer)
    mean.put_into(layer)
    assert torch.allclose(layer.weight, last + 2, atol=1e-5)


def test_a_checkpoint_has_it_and_nobody_trains_it():
    layer = torch.nn.Linear(2, 2)
    mean = RunningMean(layer, 0.9)
    mean.see(layer)
    assert not list(mean.parameters()) and len(mean.state_dict()) == 3
    again = RunningMean(torch.nn.Linear(2, 2), 0.9)
    again.load_state_dict(mean.state_dict())
    other = torch.nn.Linear(2, 2)
    again.put_into(other)
    assert int(again.n_seen) == 1 and torch.allclose(other.weight, layer.weight)
