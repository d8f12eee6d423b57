"""Plain averages, averages along a run, and interpolation, against numbers worked by hand."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from scipy import stats

import gengap as gg
from gengap.base.errors import UsageError
from gengap.merges.layers import depths
from gengap.merges.linear.wise_ft import WiseFT
from gengap.merges.merging import merge_models
from gengap.merges.registry import merges


def run(*values: float) -> list[dict[str, torch.Tensor]]:
    """Models of one weight."""
    return [{"w": torch.tensor([float(value)])} for value in values]


def merged(name: str, *args, **given) -> float:
    return float(getattr(gg.merges, name)(*args, **given)["w"])


def test_averages_are_means():
    assert merged("average", run(1, 2, 6)) == 3
    assert merged("average", run(1, 2, 6), weights=[2, 1, 1]) == 2.5
    assert merged("rewarded_soup", run(0, 10), weights=[0.75, 0.25]) == 2.5


def test_swa_of_1_2_3_4_is_two_and_a_half():
    assert merged("swa", run(1, 2, 3, 4)) == 2.5
    # The last half is 3 and 4; at a start of 1 only the last counts.
    assert merged("swa", run(1, 2, 3, 4), start=0.5) == 3.5
    assert merged("swa", run(1, 2, 3, 4), start=1) == 4
    # At steps 10, 20, 30 and 90 the half lies at 50 steps or so.
    assert merged("swa", run(1, 2, 3, 4), start=0.5, steps=[10, 20, 30, 90]) == 4


def test_ema_is_its_recursion():
    values = [3.0, 1.0, 4.0, 1.0, 5.0]
    average = values[0]
    for value in values[1:]:
        average = 0.8 * average + 0.2 * value
    assert merged("ema", run(*values), decay=0.8) == pytest.approx(average, rel=1e-6)
    # A checkpoint that was left out counts by the steps between.
    assert merged("ema", run(2, 6), decay=0.8, steps=[7, 99]) == pytest.approx(0.8 * 2 + 0.2 * 6)


def test_beta_moving_average_weighs_by_the_density():
    values = np.array([1.0, 5.0, 2.0, 7.0])
    density = stats.beta(0.3, 0.3).pdf((np.arange(4) + 0.5) / 4)
    right = density @ values / density.sum()
    assert merged("beta_moving_average", run(*values), beta=0.3) == pytest.approx(right, rel=1e-6)
    first, *others = run(*values)
    based = merged("beta_moving_average", others, first, beta=0.3)
    assert based == pytest.approx(right, rel=1e-6)
    assert merged("beta_moving_average", run(*values), beta=1) == 3.75


def test_wise_ft_is_a_point_between():
    (base,) = run(1)
    assert merged("wise_ft", run(5), base, share=0.25) == 2
    assert merged("wise_ft", run(5, 9), base) == 4
    assert merged("wise_ft", run(5), base, share=0) == 1


def test_a_network_merges_and_nothing_given_changes():
    torch.manual_seed(0)
    networks = [torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)) for _ in "ab"]
    networks[1](torch.randn(8, 3))
    states = [network.state_dict() for network in networks]
    before = [{name: t.clone() for name, t in state.items()} for state in states]
    soup = gg.merges.average(states)
    assert list(soup) == list(states[0])
    for name, tensor in soup.items():
        assert tensor.dtype == states[0][name].dtype
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, (states[0][name] + states[1][name]) / 2)
            assert not tensor.requires_grad
    # The counter of batches is no weight.
    assert soup["1.num_batches_tracked"] == 0
    networks[0].load_state_dict(soup)
    soup["0.weight"].zero_()
    assert all(
        torch.equal(b[n], s[n]) for b, s in zip(before[1:], states[1:], strict=True) for n in b
    )


def test_narrow_numbers_are_merged_in_float32():
    models = [{"w": torch.tensor([v], dtype=torch.bfloat16)} for v in (256.0, 1.0, 1.0)]
    assert float(gg.merges.average(models, weights=[2, 1, 1])["w"]) == 128
    assert gg.merges.average(models)["w"].dtype == torch.bfloat16


def test_tied_weights_stay_tied():
    states = []
    for value in (1.0, 3.0):
        shared = torch.full((2, 2), value)
        states.append({"in.weight": shared, "out.weight": shared})
    soup = gg.merges.average(states)
    assert soup["in.weight"] is soup["out.weight"]
    assert soup["in.weight"][0, 0] == 2
    states[1]["out.weight"] = states[1]["out.weight"].clone()
    with pytest.raises(UsageError, match=r"out.weight and in.weight are tied in model 1 and"):
        gg.merges.average(states)


NAN = {"w": torch.tensor([float("nan")])}


@pytest.mark.parametrize(
    ("models", "given", "sentence"),
    [
        ([], {}, "There are no models to merge; give at least one."),
        ([{}], {}, "model 1 holds no tensors; give a trained model."),
        ([*run(1), {"v": torch.ones(1)}], {}, "model 2 lacks the tensor w, which model 1 has"),
        ([*run(1), {"w": torch.ones(1), "v": torch.ones(1)}], {}, "model 2 has the tensor v, "),
        ([*run(1), {"w": torch.ones(2, 3)}], {}, "w has the shape 2x3 in model 2 and 1 in model 1"),
        ([*run(1), NAN], {}, "w in model 2 holds NaN or infinite values; leave that model out."),
        ([{"w": 3}], {}, "w is a int and not a tensor; give state_dict()."),
        (
            [{"n": torch.tensor([1])}, {"n": torch.tensor([2])}],
            {},
            "n holds whole numbers that differ between model 1 and model 2, and these have no mean",
        ),
        ([{"w": torch.ones(1, dtype=torch.complex64)}], {}, "w is complex64, which is not merged"),
        ([{"w": torch.ones(1).to(torch.float8_e4m3fn)}], {}, "w is float8_e4m3fn, which is not"),
        (run(1, 2), {"weights": [1]}, "weights must be 2 numbers of at least 0"),
        (run(1, 2), {"weights": [0, 0]}, "weights must be 2 numbers of at least 0"),
        (run(1, 2), {"importance": run(1)}, "There are 2 models and the importance of 1"),
        (run(1), {"importance": run(-1)}, "The importance for model 1 is negative in w"),
        (run(1), {"layers": ["v"]}, "The tensor w is of none of the layers given (v)"),
    ],
)  # fmt: skip
def test_what_cannot_be_merged_is_said_in_a_sentence(models, given, sentence):
    with pytest.raises(UsageError) as caught:
        gg.merges.average(models, **given)
    assert str(caught.value).startswith(sentence)


def test_what_is_missing_or_unknown_is_said():
    with pytest.raises(UsageError, match=r"wise-ft needs a base model; give base."):
        gg.merges.wise_ft(run(1))
    with pytest.raises(UsageError, match="no hyperparameter 'shar'; did you mean 'share'"):
        gg.merges.wise_ft(run(1), run(2)[0], shar=0.1)
    with pytest.raises(UsageError, match="the base lacks the tensor w"):
        gg.merges.wise_ft(run(1), {"v": torch.ones(1)})
    with pytest.raises(UsageError, match="steps must be 2 increasing whole numbers"):
        gg.merges.swa(run(1, 2), steps=[3, 3])
    with pytest.raises(UsageError, match="SWA finds the weights of models itself"):
        gg.merges.swa(run(1, 2), weights=[1, 2])
    with pytest.raises(AttributeError, match="no attribute 'averag'"):
        _ = gg.merges.averag


def test_functions_carry_their_hyperparameters_and_sources():
    assert {name.replace("-", "_") for name in merges()} == set(dir(gg.merges))
    signature = inspect.signature(gg.merges.wise_ft)
    assert list(signature.parameters)[:3] == ["models", "base", "share"]
    assert signature.parameters["share"].default == 0.5
    assert "Wortsman et al. 2022" in gg.merges.wise_ft.__doc__
    (base,) = run(1)
    assert merge_models(WiseFT(share=1), run(5), base)["w"] == 5


def test_depth_of_layers_by_their_names():
    sorted_names = ["blocks.0.w", "blocks.10.w", "blocks.2.w", "embed.weight", "head.b", "head.w"]
    # embed, blocks 0, 2 and 10, head.
    right = dict(zip(sorted_names, [0.25, 0.75, 0.5, 0, 1, 1], strict=True))
    assert depths(sorted_names) == right
    # Not in order of the alphabet: as they come.
    assert depths(["stem.w", "body.w", "head.w"]) == {"stem.w": 0, "body.w": 0.5, "head.w": 1}
    # In no order, for the numbers fall.
    jumbled = depths(["bias1", "weight2", "bias0", "weight0", "bias2", "weight1"])
    assert jumbled == {f"{kind}{k}": k / 2 for kind in ("weight", "bias") for k in range(3)}
    assert depths(["a.w", "b.w"], ["b", "a"]) == {"a.w": 1, "b.w": 0}
    assert depths(["w"]) == {"w": 1}


@pytest.mark.parametrize("name", merges())
def test_every_record_says_what_it_is(name):
    info = merges()[name]
    assert info.of in {"models", "trajectory"}
    assert info.summary
    assert not info.summary.endswith(".")
    assert info.paper.link.startswith("https://")
    assert info.why_not(info.of, set(info.needs)) is None
    if info.needs:
        assert info.why_not(info.of) == f"{name} needs {info.needs[0]}, which there is not here."


def test_what_merges_of_runs_do_not_apply_to():
    assert merges()["swa"].why_not("models") == (
        "swa merges checkpoints of one run; here there are models trained apart."
    )
