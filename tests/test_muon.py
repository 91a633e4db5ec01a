import pytest
import torch
from torch import nn

from hub.muon import Muon, orthogonal


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 3)
    )


def train(model, optimizer, steps=5):
    x = torch.randn(32, 8, generator=torch.Generator().manual_seed(1))
    target = torch.stack([x.sum(1), x.square().mean(1), x[:, 0] * x[:, 1]], 1)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (model(x) - target).square().mean()
        loss.backward()
        optimizer.step()
    return loss.item()


@pytest.mark.parametrize("shape", [(64, 96), (32, 288), (288, 32)])
def test_singular_values_become_about_one(shape):
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape)).float())
    assert 0.3 < values.min() and values.max() < 1.3
    assert 0.8 < values.mean() < 1.15


def test_matrices_move_as_by_torchs_muon_and_the_rest_as_by_adam():
    ours, theirs = network(), network()
    train(ours, Muon(ours, 0.02, ("0", "4"), outer_share=0.5))
    inner = [theirs[2].weight]
    rest = [one for one in theirs.parameters() if one is not inner[0]]
    muon = torch.optim.Muon(inner, 0.02, weight_decay=0, adjust_lr_fn="match_rms_adamw")
    adam = torch.optim.Adam(rest, 0.01)

    class Both:
        def zero_grad(self):
            theirs.zero_grad()

        def step(self):
            muon.step()
            adam.step()

    train(theirs, Both())
    started = network().parameters()
    for before, one, other in zip(started, ours.parameters(), theirs.parameters(), strict=True):
        apart, moved = (one - other).norm(), (one - before).norm()
        assert apart < 0.05 * moved  # products in bfloat16 are summed in another order


def test_filters_are_matrices():
    model = nn.Conv2d(4, 8, 3, bias=False)
    before = model.weight.detach().clone()
    optimizer = Muon(model, 0.1)
    model(torch.randn(2, 4, 9, 9)).square().mean().backward()
    optimizer.step()
    step = (before - model.weight.detach()).reshape(8, 36) / 0.1
    assert step.square().mean().sqrt().item() == pytest.approx(0.2, rel=0.2)
    values = torch.linalg.svdvals(step)
    assert values.max() < 3 * values.min()


def test_what_is_saved_goes_on_as_before():
    whole, cut = network(), network()
    one = Muon(whole, 0.02, ("0",))
    train(whole, one, 6)
    first = Muon(cut, 0.02, ("0",))
    train(cut, first, 3)
    second = Muon(cut, 0.5, ("0",))
    second.load_state_dict(first.state_dict())
    train(cut, second, 3)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), cut.parameters(), strict=True))


def test_a_network_learns():
    model = network()
    optimizer = Muon(model, 0.03, ("4",))
    assert train(model, optimizer, 200) < 0.1 * train(network(), optimizer, 1)
