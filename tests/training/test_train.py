"""A fleet of one is a plain loop, and membership of a fleet changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from builders import data, recording, task
from torch import nn

from gengap.base.seeds import derive
from gengap.methods.erm import ERM
from gengap.methods.irm import IRM
from gengap.methods.sam import SAM
from gengap.models.networks import MLP, Module
from gengap.training.tasks import draw_batches
from gengap.training.train import train_fleet

STEPS, BATCH, SLOTS = 300, 16, 3


def trained(shared, tasks, methods, architecture=None, **settings):
    options = {
        "steps": STEPS, "batch": BATCH, "slots": SLOTS, "checkpoints": [STEPS], **settings,
    }  # fmt: skip
    seen = []
    methods = [recording(m, seen) for m in methods]
    # All runs of a fleet share one class of method.
    methods = [type(methods[0])(**{f: getattr(m, f) for f in m.fields()}) for m in methods]
    runs = train_fleet(shared, tasks, methods, architecture or MLP((16, 16)), **options)
    return runs, seen[-1]


def plain_loop(shared, job, learning_rate, weight_decay):
    """The textbook loop: nn.Linear, torch's AdamW, one run."""
    initial = MLP((16, 16)).initialise(
        shared.shape, shared.outputs, derive(job.run.seed, "weights")
    )
    layers: list[nn.Module] = []
    for k in range(3):
        linear = nn.Linear(*initial[f"weight{k}"].shape)
        with torch.no_grad():
            linear.weight.copy_(initial[f"weight{k}"].T)
            linear.bias.copy_(initial[f"bias{k}"][0])
        layers += [linear, nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
    rows, _ = draw_batches(job, STEPS, SLOTS, BATCH)
    for step in range(STEPS):
        own = rows[step].ravel()
        x = torch.from_numpy(job.prepared.inputs.apply(shared.matrix[own]))
        if shared.classes:
            y = torch.from_numpy(shared.y[own])
            loss = nn.functional.cross_entropy(model(x), y)
        else:
            y = torch.from_numpy((shared.y[own] - job.prepared.shift) / job.prepared.scale).float()
            loss = nn.functional.mse_loss(model(x)[:, 0], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


@pytest.mark.parametrize("classes", [3, 0])
def test_fleet_of_one_equals_a_plain_loop(classes):
    shared = data(classes)
    job = task(shared)
    _, parameters = trained(shared, [job], [ERM(learning_rate=2e-3, weight_decay=0.01)])
    model = plain_loop(shared, job, 2e-3, 0.01)
    linears = [m for m in model if isinstance(m, nn.Linear)]
    for k, linear in enumerate(linears):
        torch.testing.assert_close(
            parameters[f"weight{k}"][0].T, linear.weight.detach(), atol=1e-5, rtol=0
        )
        torch.testing.assert_close(
            parameters[f"bias{k}"][0, 0], linear.bias.detach(), atol=1e-5, rtol=0
        )


@pytest.mark.parametrize("method", [ERM, IRM, SAM])
def test_membership_does_not_change_a_run(method):
    shared = data()
    jobs = [task(shared, seed) for seed in range(5)]
    methods = [method(learning_rate=10 ** -(2 + k / 4)) for k in range(5)]
    together, stacked = trained(shared, jobs, methods)
    for k in (0, 3):
        alone, own = trained(shared, jobs[k : k + 1], methods[k : k + 1])
        for name, value in own.items():
            torch.testing.assert_close(value[0], stacked[name][k], atol=1e-5, rtol=0)
        for mine, ours in zip(alone[0].outcomes, together[k].outcomes, strict=True):
            np.testing.assert_array_equal(mine.predicted, ours.predicted)


def test_the_same_seed_gives_the_same_outcomes_and_another_does_not():
    shared = data()
    first, _ = trained(shared, [task(shared, 1)], [ERM()], steps=30, checkpoints=[30])
    again, _ = trained(shared, [task(shared, 1)], [ERM()], steps=30, checkpoints=[30])
    other, _ = trained(shared, [task(shared, 2)], [ERM()], steps=30, checkpoints=[30])
    probabilities = [run[0].outcomes[-1].true_probability for run in (first, again, other)]
    np.testing.assert_array_equal(probabilities[0], probabilities[1])
    assert not np.array_equal(probabilities[0], probabilities[2])


def test_global_generators_are_left_alone():
    shared = data()
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    factory = Module(lambda shape, outputs: nn.Sequential(nn.Linear(shape[0], outputs)))
    trained(shared, [task(shared)], [ERM()], factory, steps=3, checkpoints=[3])
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


def test_a_module_factory_trains_like_the_written_out_network():
    """A module with the MLP's initial weights, vectorised by vmap, ends where the MLP ends."""
    shared = data()
    start = MLP((16, 16))

    def factory(shape, outputs):
        layers: list[nn.Module] = []
        for inputs, units in zip((shape[0], 16, 16), (16, 16, outputs), strict=True):
            layers += [nn.Linear(inputs, units), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    class SameStart(Module):
        def initialise(self, shape, outputs, seed):
            super().initialise(shape, outputs, seed)
            own = start.initialise(shape, outputs, seed)
            return {
                name: own[f"{'weight' if 'weight' in name else 'bias'}{int(name[0]) // 2}"]
                .T.reshape(p.shape)
                .contiguous()
                for name, p in self._module.named_parameters()
            }

    jobs = [task(shared, seed) for seed in range(3)]
    module, _ = trained(shared, jobs, [ERM()] * 3, SameStart(factory), steps=60, checkpoints=[60])
    mlp, _ = trained(shared, jobs, [ERM()] * 3, steps=60, checkpoints=[60])
    for a, b in zip(module, mlp, strict=True):
        np.testing.assert_allclose(
            a.outcomes[-1].true_probability.astype(float),
            b.outcomes[-1].true_probability.astype(float),
            atol=2e-3,
        )


def test_regression_predictions_are_in_the_targets_units():
    shared = data(0)
    job = task(shared)
    (run,), _ = trained(shared, [job], [ERM(learning_rate=5e-3)])
    target = shared.y[job.score["test"]]
    error = run.outcomes[-1].predicted - target
    assert run.outcomes[-1].part == "test"
    assert np.mean(error**2) < 0.5 * np.var(target)


def test_checkpoints_score_each_part_in_order():
    shared = data()
    (run,), _ = trained(shared, [task(shared)], [ERM()], steps=9, checkpoints=[3, 9])
    assert [(o.step, o.part) for o in run.outcomes] == [
        (3, "validation"), (3, "test"), (9, "validation"), (9, "test"),
    ]  # fmt: skip
    assert [len(o.predicted) for o in run.outcomes] == [40, 80, 40, 80]


def test_passes_are_counted():
    shared = data()
    (plain,), _ = trained(shared, [task(shared)], [ERM()], steps=4, checkpoints=[4])
    (sharp,), _ = trained(shared, [task(shared)], [SAM()], steps=4, checkpoints=[4])
    assert (plain.passes, sharp.passes) == (4, 8)
    assert plain.examples == 4 * SLOTS * BATCH


def test_batches_walk_through_every_example_before_any_comes_again():
    job = task(data())
    rows, environment = draw_batches(job, steps=10, slots=3, batch=8)
    own = job.train[1]
    assert (environment == [0, 1, 2]).all()
    seen = rows[:, 1].ravel()
    assert set(seen) == set(own)  # 80 draws from 80 examples
    assert len(seen) == len(own)


def test_a_reference_uses_every_environment_in_fewer_slots():
    job = task(data(), environments=4)
    rows, environment = draw_batches(job, steps=200, slots=3, batch=8)
    assert rows.shape == (200, 3, 8)
    assert all(len(set(step)) == 3 for step in environment)
    counts = np.bincount(environment.ravel(), minlength=4)
    # Each of four environments fills three of four slots on average: 150 steps, sd 6.1.
    assert np.all(np.abs(counts - 150) < 30)
    for k in range(4):
        assert set(rows[environment == k].ravel()) <= set(job.train[k])


def test_missing_numbers_become_the_training_mean():
    shared = data()
    shared.matrix[::7, 2] = np.nan
    job = task(shared)
    (run,), parameters = trained(shared, [job], [ERM()], steps=20, checkpoints=[20])
    assert all(torch.isfinite(p).all() for p in parameters.values())
    assert np.isfinite(run.outcomes[-1].true_probability).all()
