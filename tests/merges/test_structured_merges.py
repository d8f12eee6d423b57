"""Units put in order, changes at right angles, encodings that fit together: what must come back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gengap as gg
from gengap.base.errors import UsageError
from gengap.merges.relative import relative, stitched, translation
from gengap.merges.repeated import cold_fusion
from gengap.merges.structured.orthogonal_groups import group
from gengap.merges.structured.rebasin import aligned
from gengap.models.networks import MLP


def sequential(seed: int) -> torch.nn.Sequential:
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Linear(5, 16), torch.nn.ReLU(), torch.nn.Linear(16, 12), torch.nn.ReLU(),
        torch.nn.Linear(12, 9), torch.nn.ReLU(), torch.nn.Linear(9, 3, bias=False),
    )  # fmt: skip


def shuffled(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same network with the units of its hidden layers in other orders."""
    rng = np.random.default_rng(0)
    state = {name: tensor.clone() for name, tensor in state.items()}
    for layer, after, width in (("0", "2", 16), ("2", "4", 12), ("4", "6", 9)):
        order = torch.tensor(rng.permutation(width))
        for name in (f"{layer}.weight", f"{layer}.bias"):
            state[name] = state[name][order]
        state[f"{after}.weight"] = state[f"{after}.weight"][:, order]
    return state


def test_a_permuted_copy_is_recovered_exactly():
    network = sequential(0)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    copy = shuffled(state)
    x = torch.randn(20, 5)
    before = network(x)
    network.load_state_dict(copy)
    torch.testing.assert_close(network(x), before)
    assert not torch.equal(copy["0.weight"], state["0.weight"])
    back = aligned(copy, state)
    assert all(torch.equal(back[name], state[name]) for name in state)
    merged = gg.merges.rebasin([state, copy])
    for name in state:
        torch.testing.assert_close(merged[name], state[name])


def test_alignment_keeps_the_function_and_comes_nearer():
    a, b = sequential(1), sequential(2)
    x = torch.randn(20, 5)
    before = b(x)
    back = aligned(b.state_dict(), a.state_dict())
    after = sequential(0)
    after.load_state_dict(back)
    torch.testing.assert_close(after(x), before)

    def distance(state):
        return sum(float((state[n] - t).square().sum()) for n, t in a.state_dict().items())

    assert distance(back) < distance(b.state_dict())


def test_gengaps_own_perceptrons_are_aligned():
    made = MLP((7, 6)).initialise((4,), 3, seed=5)
    order, then = torch.tensor([3, 1, 6, 0, 2, 5, 4]), torch.tensor([5, 0, 1, 4, 3, 2])
    copy = {
        "weight0": made["weight0"][:, order], "bias0": made["bias0"][:, order],
        "weight1": made["weight1"][order][:, then], "bias1": made["bias1"][:, then],
        "weight2": made["weight2"][then], "bias2": made["bias2"],
    }  # fmt: skip
    assert all(torch.equal(t, made[name]) for name, t in aligned(copy, made).items())


@pytest.mark.parametrize(
    "network",
    [
        torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2)),
        torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 2)),
        torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(4, 2)),
    ],
)
def test_only_perceptrons_are_aligned(network):
    with pytest.raises(UsageError, match="Only perceptrons are aligned"):
        gg.merges.rebasin([network.state_dict()] * 2)


def test_orthogonal_changes_add_up_and_shared_ones_count_once():
    u, v = torch.linalg.qr(torch.randn(6, 6))[0], torch.linalg.qr(torch.randn(5, 5))[0]
    first, second = 3 * torch.outer(u[0], v[0]), 2 * torch.outer(u[1], v[1])
    torch.testing.assert_close(group([first, second], 1, [1, 1]), first + second)
    torch.testing.assert_close(group([first, first], 1, [1, 1]), first)
    base = {"w": torch.randn(6, 5), "b": torch.zeros(6)}
    tuned = [{"w": base["w"] + change, "b": torch.ones(6)} for change in (first, second)]
    merged = gg.merges.orthogonal_groups(tuned, base, rank=2)
    torch.testing.assert_close(merged["w"], base["w"] + first + second)
    torch.testing.assert_close(merged["b"], torch.ones(6))
    # A row or a column has no two directions at right angles, and gets the mean as well.
    bases = {"row": torch.zeros(1, 6), "column": torch.zeros(6, 1)}
    ends = [{name: torch.randn_like(t) for name, t in bases.items()} for _ in range(2)]
    for name, tensor in gg.merges.orthogonal_groups(ends, bases).items():
        torch.testing.assert_close(tensor, (ends[0][name] + ends[1][name]) / 2)
    # Of one model the best approximation of the rank is left.
    change = torch.randn(6, 5)
    s = torch.linalg.svdvals(change)
    near = group([change], 2, [1])
    torch.testing.assert_close((change - near).square().sum(), s[2:].square().sum())


def test_cold_fusion_converges_to_the_mean_of_the_optima():
    optima, rate = [torch.tensor([1.0, 4.0]), torch.tensor([5.0, 0.0])], 0.3

    def contribute(base, _):
        return [{"w": base["w"] + rate * (best - base["w"])} for best in optima]

    walked = [made["w"] for made in cold_fusion({"w": torch.zeros(2)}, contribute, 12)]
    for number, place in enumerate(walked, start=1):
        torch.testing.assert_close(place, torch.tensor([3.0, 2.0]) * (1 - (1 - rate) ** number))


def turned(seed: int, width: int) -> torch.Tensor:
    torch.manual_seed(seed)
    return torch.linalg.qr(torch.randn(width, width))[0]


def test_relative_representations_survive_rotation_and_scale():
    x, anchors = torch.randn(30, 8), torch.randn(5, 8)
    rotation = turned(3, 8)
    found = relative(x, anchors)
    torch.testing.assert_close(relative(2.5 * x @ rotation, 2.5 * anchors @ rotation), found)
    right = (x[4] @ anchors[2]) / (x[4].norm() * anchors[2].norm())
    torch.testing.assert_close(found[4, 2], right)
    # A head on relative representations answers as before under the turned encoder.
    head, inputs = torch.nn.Linear(5, 3), torch.randn(6, 8)
    torch.testing.assert_close(
        stitched(lambda z: 3 * z @ rotation, head, anchors)(inputs), head(relative(inputs, anchors))
    )


def test_translation_recovers_a_rotation_a_scale_and_a_shift():
    anchors, rotation, shift = torch.randn(20, 6), turned(4, 6), torch.randn(6)
    found = translation(anchors, 0.4 * anchors @ rotation + shift)
    torch.testing.assert_close(found.turn, rotation)
    assert found.scale == pytest.approx(0.4, rel=1e-5)
    new = torch.randn(3, 6)
    torch.testing.assert_close(found(new), 0.4 * new @ rotation + shift)
    with pytest.raises(UsageError, match="There are 20 anchors and 3 of the other"):
        translation(anchors, new)
    with pytest.raises(UsageError, match="All anchors are encoded alike"):
        translation(torch.ones(3, 6), new)
