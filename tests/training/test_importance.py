"""What merging asks of the training rows, held against one example at a time."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn

from gengap.environments.core import Environments
from gengap.merges.registry import BASE, IMPORTANCE
from gengap.methods.erm import ERM
from gengap.models.networks import Network
from gengap.study.study import Study
from gengap.training import importance
from gengap.training.importance import normalised_anew
from gengap.training.kept import networks_to_bytes
from gengap.training.remedies import Bench, _importance
from gengap.training.tasks import Task


def bench_of(model, shape=(5,)) -> Bench:
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(60, *shape)).astype(np.float32), draw.integers(0, 3, 60)
    study = Study(Environments.from_arrays(X, y, np.arange(60) % 2), ["erm"], model=model)
    run, cell = study.plan.runs["erm"][0]
    rows = study.plan.training_rows(cell, run.seed)
    task = Task(run, rows, study.problem.prepare(np.concatenate(rows)))
    return Bench(study.problem, task, ERM.make(), study.architecture, len(rows), 1, np.arange(0))


def kept(bench: Bench, seed: int):
    """A model whose statistics of batches are its own."""
    made = bench.architecture
    own = made.initialise(bench.problem.shape, bench.problem.outputs, seed)
    draw = torch.Generator().manual_seed(seed)
    for buffer in made._module.buffers():
        if buffer.is_floating_point():
            buffer.copy_(torch.rand(buffer.shape, generator=draw) + 0.5)
    network = Network(made, {n: p[None] for n, p in own.items()}, bench.problem.shape)
    (found,) = networks_to_bytes(network, 1, 0)
    return found, made._module.eval()


class Recurrent(nn.Module):
    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.reads, self.says = nn.LSTM(shape[-1], 3, batch_first=True), nn.Linear(3, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.says(self.reads(x)[0][:, -1])


@pytest.mark.parametrize(
    ("model", "shape", "mapped"),
    [
        ("mlp(4,norm=batch)", (5,), True),
        ("mlp(4,norm=layer)", (5,), False),
        ("cnn(2,3,norm=batch)", (1, 5, 5), True),
        (Recurrent, (4, 2), False),
    ],
)
def test_squares_of_slopes_are_those_of_single_examples(model, shape, mapped, monkeypatch):
    copies = mock.Mock(side_effect=importance._by_copies)
    monkeypatch.setattr(importance, "_by_copies", copies)
    bench = bench_of(model, shape)
    models = [kept(bench, seed) for seed in (1, 2)]
    networks = [bench.network(one) for one, _ in models]
    feed, (_, context) = bench.feed(), bench.start
    (part,) = feed.everything(0, context)
    x, y = part.x[part.mask], part.y[part.mask]
    for found, (_, module) in zip(
        importance.importance_of(feed, context, networks), models, strict=True
    ):
        expected = {name: torch.zeros_like(p) for name, p in module.named_parameters()}
        for one, target in zip(x, y, strict=True):
            module.zero_grad()
            nn.functional.cross_entropy(module(one[None]), target[None]).backward()
            for name, p in module.named_parameters():
                expected[name] += p.grad.square() / len(x)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-7)
    assert copies.called != mapped


@pytest.mark.parametrize("kind", ["values", "labels"])
def test_of_several_targets_the_squares_are_of_their_mean_loss(kind):
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(40, 3)).astype(np.float32), draw.normal(size=(40, 2))
    y = (y > 0).astype(np.int64) if kind == "labels" else y
    # Environments of two sizes, so that rows are padded.
    study = Study(Environments.from_arrays(X, y, np.arange(40) % 3 % 2), ["erm"], model="linear")
    run, _ = study.plan.runs["erm"][-1]
    rows = tuple(np.arange(40)[np.arange(40) % 3 % 2 == k] for k in (0, 1))
    task = Task(run, rows, study.problem.prepare(np.arange(40)))
    bench = Bench(study.problem, task, ERM.make(), study.architecture, 2, 1, np.arange(0))
    feed, (network, context) = bench.feed(), bench.start
    (found,) = importance.importance_of(feed, context, [network])
    slope = importance.magnitudes_at(feed, context, network)
    x = torch.from_numpy(task.prepared.inputs.apply(study.problem.matrix))
    weight, bias = (p[0] for p in network.parameters.values())
    said = x @ weight.T + bias if weight.shape == (2, 3) else x @ weight + bias
    target = torch.from_numpy((y - task.prepared.shift) / task.prepared.scale).float()
    # The mean of two targets' cross-entropies or squared errors, by hand.
    error = (torch.sigmoid(said) - target) / 2 if kind == "labels" else said - target
    torch.testing.assert_close(list(found.values())[1].flatten(), error.square().mean(0))
    torch.testing.assert_close(list(slope.values())[1].flatten(), error.mean(0).abs())


def test_the_base_is_asked_under_its_own_statistics_of_batches():
    bench = bench_of("mlp(4,norm=batch)")
    feed, (network, context) = bench.feed(), bench.start
    (part,) = feed.everything(0, context)
    x, y = part.x[part.mask], part.y[part.mask]
    module = bench.architecture.factory((5,), 3)
    module.load_state_dict({n: p[0] for n, p in network.parameters.items()}, strict=False)
    inner, norm = module[1](x).detach(), module[2]
    norm.running_mean, norm.running_var = inner.mean(0), inner.var(0)
    nn.functional.cross_entropy(module.eval()(x), y).backward()
    (found,) = _importance(bench, feed, [network], (BASE, IMPORTANCE))
    for name, p in module.named_parameters():
        torch.testing.assert_close(found[name], p.grad.abs(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("together", [8, 17])
def test_statistics_of_batches_weigh_rows_alike_however_they_come(together):
    bench = bench_of("mlp(4,norm=batch)")
    feed, (_, context) = bench.feed(), bench.start
    (part,) = feed.everything(0, context)
    x = part.x[part.mask]

    class InBlocks:
        """All rows, the last block of one row or of few."""

        def everything(self, step, context):
            for rows in x.split(together):
                there = torch.ones(1, 1, len(rows), dtype=torch.bool)
                yield replace(part, x=rows[None, None], mask=there)

    network, _ = bench.start
    normalised_anew(network, InBlocks(), context)
    norm = network.architecture._module[2]
    inner = network.architecture._module[1](x)
    torch.testing.assert_close(norm.running_mean, inner.mean(0))
    blocks = list(inner.split(together))
    if len(blocks[-1]) == 1:
        blocks[-2:] = [torch.cat(blocks[-2:])]
    share = torch.tensor([len(block) for block in blocks]) / len(x)
    expected = sum(s * block.var(0) for s, block in zip(share, blocks, strict=True))
    torch.testing.assert_close(norm.running_var, expected)
    assert len(x) == 18  # an uneven block is left of both


class OfInstances(nn.Module):
    """Pictures normalised one by one, as training met them on average."""

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.sees = nn.Conv2d(shape[0], 3, 3)
        self.norm = nn.InstanceNorm2d(3, track_running_stats=True)
        self.says = nn.Linear(3, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.says(self.norm(self.sees(x)).mean((2, 3)))


def test_tracked_statistics_of_instances_are_gathered_as_well():
    bench = bench_of(OfInstances, (1, 5, 5))
    feed, (network, context) = bench.feed(), bench.start
    (part,) = feed.everything(0, context)
    normalised_anew(network, feed, context)
    module = network.architecture._module
    maps = module.sees(part.x[part.mask]).detach().flatten(2)
    torch.testing.assert_close(module.norm.running_mean, maps.mean(2).mean(0))
    torch.testing.assert_close(module.norm.running_var, maps.var(2).mean(0))
    assert module.norm.momentum == 0.1
