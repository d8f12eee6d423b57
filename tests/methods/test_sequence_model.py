"""Learners over windows: their loss by a plain loop, and acting as they learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from toys import TASKS, Size, stacked, toy

from gengap.base.errors import UsageError
from gengap.methods.batch import Batch
from gengap.methods.bc_transformer import BCTransformer
from gengap.methods.dt import REACH, DecisionTransformer, quantile
from gengap.methods.sequence_model import SequenceModel

LEARNERS = [BCTransformer, DecisionTransformer]
SHORT = {"history": 4, "width": 8, "layers": 2}


def small(kind: type[SequenceModel], task: str, runs: int = 2, **more: float):
    methods = [kind(**{**SHORT, **more})] * runs
    return toy(methods, task, size=Size(batch=8))


@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("task", TASKS)
def test_acting_step_by_step_is_what_windows_say(kind: type[SequenceModel], task: str) -> None:
    """An episode longer than the history: the last step of each window is what is acted on."""
    built = small(kind, task)
    built.train(2)
    method, network = built.method, built.network.at(built.predicting())
    past = built.batches[0].windows(4)
    long = built.batches[0].past(1, 7)
    memory = method.memory(network, long.x.shape[1])
    wanted = torch.full(long.x.shape[:2], 1.0)  # of the aim 1 and rewards of 1
    shown = []
    for step in range(7):
        shown.append(wanted)
        x, action = long.x[:, :, 0, step], long.action[:, :, 0, step]
        said = method.recall(network, x, memory).logits
        first = max(0, step - 3)
        own = slice(first, step + 1)
        window = replace(
            past, x=long.x[..., own, :], action=long.action[:, :, :, own],
            time=long.time[..., own], returns=torch.stack(shown[own], -1)[:, :, None],
        )  # fmt: skip
        tokens = method.tokens(network, window, method.wanted(window, built.state))
        expected = method.said(network, tokens, method._asked(step + 1 - first))[:, :, -1]
        torch.testing.assert_close(said, expected, rtol=1e-4, atol=1e-5)
        reward = torch.full(long.x.shape[:2], 0.25)
        method.remember(network, memory, action, reward)
        wanted = ((wanted - reward) / long.discount).clamp(max=1.0)


@pytest.mark.parametrize("task", TASKS)
def test_loss_is_the_mean_over_steps_that_were_played(task: str) -> None:
    built = small(BCTransformer, task)
    batch = built.batches[0]
    past = batch.windows(4)
    assert past.mask.shape == (2, 3, 2, 4)  # two windows hold a slot's eight examples
    assert not bool(past.mask.all())
    found = built.method.loss(built.network, batch, built.state)
    tokens = built.method.tokens(built.network, past, None)
    said = built.method.said(built.network, tokens, torch.arange(4) * 2).unflatten(1, (3, 2))
    for run in range(2):
        losses = []
        for place in np.argwhere(past.mask[run].numpy()):
            own, action = said[(run, *place)], past.action[(run, *place)]
            if task == "classification":
                losses.append(F.cross_entropy(own, action))
            else:
                losses.append((own - action).square().sum())
        torch.testing.assert_close(found[run], torch.stack(losses).mean())


def test_what_is_done_later_changes_no_answer() -> None:
    built = small(DecisionTransformer, "classification")
    past, method = built.batches[0].windows(4), built.method

    def said(given):
        tokens = method.tokens(built.network, given, method.wanted(given, built.state))
        return method.said(built.network, tokens, method._asked(4))

    before = said(past)
    other, action = past.x.clone(), past.action.clone()
    other[..., 3, :] += 1
    action[..., 2:] = (action[..., 2:] + 1) % 3
    after = said(replace(past, x=other, action=action))
    torch.testing.assert_close(after[:, :, :3], before[:, :, :3], rtol=0, atol=0)
    assert not torch.equal(after[:, :, 3], before[:, :, 3])


def test_copies_of_other_ages_do_not_disturb_each_other() -> None:
    """One copy begins anew while the other goes on."""
    built = small(BCTransformer, "classification", runs=1)
    method, network = built.method, built.network
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(9, 1, 2, 5, generator=draw)
    action = torch.randint(3, (9, 1, 2), generator=draw)
    both, late = method.memory(network, 2), method.memory(network, 1)
    for step in range(9):
        if step == 6:
            fresh = method.memory(network, 2)
            for name, value in both.items():
                value[:, 1] = fresh[name][:, 1]
        said = method.recall(network, x[step], both).logits
        method.remember(network, both, action[step], torch.zeros(1, 2))
        if step >= 6:
            alone = method.recall(network, x[step, :, 1:], late).logits
            method.remember(network, late, action[step, :, 1:], torch.zeros(1, 1))
            torch.testing.assert_close(said[:, 1:], alone, rtol=1e-5, atol=1e-6)


def test_returns_are_asked_for_as_worked_by_hand() -> None:
    """Returns from -1 to 3: the upper quartile is 2, and discounts are halves."""
    percentiles = torch.linspace(-1, 3, 101)[None]
    assert quantile(percentiles, 0.75).tolist() == pytest.approx([2.0])
    assert quantile(percentiles, 1.0).tolist() == [3.0]
    assert quantile(percentiles, 0.0).tolist() == [-1.0]
    built = small(DecisionTransformer, "classification", runs=1, aim=0.75)
    method = built.method
    reach = torch.tensor([[-1.0, 3.0, 2.0, 0.5]])
    network = built.network.at({**built.network.parameters, REACH: reach})
    memory = method.memory(network, 1)
    wanted = []
    for reward in (1.5, -0.25, 2.0):
        wanted.append((memory["wanted"].item(), method.shown_before(network, memory)["wanted"]))
        method.remember(network, memory, torch.zeros(1, 1).long(), torch.tensor([[reward]]))
    # 2, then (2 - 1.5) / 0.5 = 1, then (1 + 0.25) / 0.5 = 2.5, which is more than was aimed at.
    assert [number for number, _ in wanted] == pytest.approx([2.0, 1.0, 2.0])
    assert [shown.item() for _, shown in wanted] == pytest.approx([3 / 4, 1 / 2, 3 / 4])


def test_sizes_that_make_no_transformer_are_refused() -> None:
    context = toy([BCTransformer()]).batches[0].context
    for sizes in ({"width": 10, "heads": 4}, {"history": 0}, {"layers": 0}):
        with pytest.raises(UsageError, match="heads must divide"):
            BCTransformer(**sizes).extra_parameters(context, torch.Generator())


def test_windows_are_asked_of_levels_only() -> None:
    batch: Batch = replace(toy([BCTransformer()]).batches[0], past=None)
    with pytest.raises(UsageError, match="logged transitions"):
        stacked([BCTransformer()]).loss(None, batch, {})
