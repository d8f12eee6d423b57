"""Contexts by contrast: the loss by a plain loop, and acting as was learnt."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from toys import TASKS, Size, toy

from gengap.methods.contrastive_contexts import ContrastiveContexts, contrasted
from gengap.methods.practice import as_vectors


def test_contrast_by_hand() -> None:
    """Two slots at right angles: alike windows have cosine 1, others 0."""
    one = torch.tensor([[[2.0, 0.0], [0.0, 3.0]]])
    found = contrasted(one, one * 5, 0.5)
    torch.testing.assert_close(found, torch.tensor([math.log(1 + math.exp(-2.0))]))
    swapped = contrasted(one, one.flip(1), 0.5)
    torch.testing.assert_close(swapped, torch.tensor([2 + math.log(1 + math.exp(-2.0))]))


def built(task: str, runs: int = 2):
    return toy([ContrastiveContexts(history=4, width=3)] * runs, task, size=Size(batch=8))


@pytest.mark.parametrize("task", TASKS)
def test_the_loss_by_a_plain_loop(task: str) -> None:
    made = built(task)
    batch, network = made.batches[0], made.network
    past = batch.past(2, 4)
    found = made.method.loss(network, batch, made.state)
    outputs = batch.context.outputs
    encoder = network.branch("encoder", outputs + batch.context.inputs)
    policy = network.branch("policy", 3)
    for run in range(2):

        def said(own, rows, run=run):
            return own.run(run)(rows[None, None]).logits[0, 0]

        losses, ends = [], []
        for slot in range(past.mask.shape[1]):
            for window in range(2):
                place = run, slot, window
                read, count = torch.zeros(3), 0
                for step in range(4):
                    if not past.mask[(*place, step)]:
                        break
                    x, action = past.x[(*place, step)].flatten(), past.action[(*place, step)]
                    if step:
                        before = past.x[(*place, step - 1)].flatten()
                        done = as_vectors(past.action[(*place, step - 1)], outputs)
                        read = read + said(encoder, torch.cat([before, done, x - before])).tanh()
                        count += 1
                    answer = said(policy, torch.cat([x, read / (1 + count)]))
                    losses.append(
                        F.cross_entropy(answer, action)
                        if task == "classification"
                        else (answer - action).square().sum()
                    )
                ends.append(read / (1 + count))
        known = torch.stack(ends).view(1, -1, 2, 3)
        wanted = torch.stack(losses).mean() + contrasted(known[:, :, 0], known[:, :, 1], 0.1)[0]
        torch.testing.assert_close(found[run], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_acting_step_by_step_is_what_windows_say(task: str) -> None:
    made = built(task)
    made.train(2)
    method, network = made.method, made.network.at(made.predicting())
    past = made.batches[0].past(1, 5)
    known = method.known(network, past, made.batches[0].context.outputs)
    memory = method.memory(network, past.x.shape[1])
    for step in range(5):
        found = method.recall(network, past.x[:, :, 0, step], memory)
        torch.testing.assert_close(found.features, known[:, :, 0, step], rtol=1e-4, atol=1e-5)
        method.remember(network, memory, past.action[:, :, 0, step], torch.zeros(()))


def test_the_policy_does_not_train_the_encoder() -> None:
    made = built("classification")
    batch = made.batches[0]
    own = made.method.gradients(made.network, batch, made.state)
    cooler = made.method.__class__(**{**vars(made.method), "temperature": torch.full((2,), 1e9)})
    flat = cooler.gradients(made.network, batch, made.state)
    for name, value in own.items():
        if name.startswith("policy/"):
            torch.testing.assert_close(flat[name], value)
        if name.startswith("encoder/"):
            assert value.abs().max() > 0
            assert flat[name].abs().max() < 1e-6
