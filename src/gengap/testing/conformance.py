"""What every training-time method must satisfy."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gengap.base.hyperparameters import Hyperparameters
from gengap.base.seeds import generator
from gengap.methods.base import Method, take_step
from gengap.methods.batch import Batch
from gengap.methods.registry import MethodInfo, methods
from gengap.models.factories import small_cnn
from gengap.models.networks import Module, Parameters
from gengap.testing.toys import TASKS, Size, toy


class MethodConformance:
    """What every method must satisfy; subclass it and set ``method``.

    ``info`` is looked up in the registry; ``tolerance`` is the largest difference between a run's
    gradients alone and among others, relative to its largest gradient.
    """

    method: type[Method]
    tolerance = 1e-6

    @property
    def info(self) -> MethodInfo:
        """The method's record."""
        found = [info for info in methods().values() if info.method is self.method]
        assert found, f"{self.method.__name__} is not registered; decorate it with @register"
        return found[0]

    @property
    def trains(self) -> bool:
        """Whether it trains at all: lines of a table that others are held against need not."""
        own = type(self.method()).extra_parameters is not Method.extra_parameters
        return self.info.passes > 0 or own

    def drawn(self, count: int = 3) -> list[Method]:
        """Randomly drawn hyperparameters, so that runs differ."""
        return [self.method.draw(generator(k, "conformance")) for k in range(count)]

    def each(self, **sizes: int) -> list[tuple[str, Size]]:
        """The tasks the record claims, with a size the method can train on."""
        fewest = max(self.info.minimum_environments, Size().environments)
        size = replace(Size(environments=fewest, slots=fewest), **sizes)  # type: ignore[arg-type]
        return [(task, size) for task in self.info.tasks]

    def test_record_is_complete(self) -> None:
        """The record states a summary, a source and known tasks."""
        check_record(self.info)
        assert self.info.minimum_environments >= 1

    def test_hyperparameters_are_declared(self) -> None:
        """Defaults lie within their ranges, ranges within limits, and each has a help text."""
        check_declared(self.method)
        self.method.make(**{name: f.default for name, f in self.method.fields().items()})

    def test_draws_stay_in_range(self) -> None:
        """Random search draws from the declared ranges."""
        source = np.random.default_rng(0)
        for drawn in [self.method.draw(source) for _ in range(50)]:
            for name, declared in self.method.fields().items():
                low, high = declared.metadata["low"], declared.metadata["high"]
                value = getattr(drawn, name)
                assert low * (1 - 1e-9) <= value <= high * (1 + 1e-9), f"{name} drew {value}"

    def test_loss_is_one_finite_number_per_run(self) -> None:
        """``loss`` returns ``(R,)``."""
        if self.method.loss is Method.loss:
            return
        for task, size in self.each():
            built = toy(self.drawn(), task, size=size)
            for batch in built.batches:
                loss = built.method.loss(built.network, batch, built.state)
                assert loss.shape == (3,)
                assert bool(torch.isfinite(loss).all())

    def test_training_stays_finite(self) -> None:
        """Training at random hyperparameters yields finite parameters."""
        for task, size in self.each():
            self._stays_finite(task, size)

    def test_training_learns(self) -> None:
        """Training at the defaults lowers the plain risk on an easy problem."""
        if not self.trains:
            return
        fast = {"learning_rate": 1e-2}
        for task, size in self.each(steps=100, batch=32):
            built = toy([self.method(**fast)] * 2, task, size=size)
            before = built.risk(built.predicting())
            after = built.risk(built.train())
            assert after < before, f"the risk rises from {before:.3f} to {after:.3f} for {task}"

    def test_runs_do_not_depend_on_each_other(self) -> None:
        """A run's gradients and results are the same alone and among others."""
        for task, size in self.each():
            together = toy(self.drawn(), task, size=size)
            predicting = together.train()
            for run, method in enumerate(self.drawn()):
                alone = toy([method], task, runs=[run], size=size)
                finally_ = alone.train()
                for many, one in zip(together.optimizer.seen, alone.optimizer.seen, strict=True):
                    self.assert_close(many, one, run, self.tolerance)
                self.assert_close(predicting, finally_, run, 10 * self.tolerance)

    def test_same_seed_same_numbers(self) -> None:
        """Equal seeds give equal parameters to the last bit."""
        for task, size in self.each():
            first = toy(self.drawn(), task, size=size).train()
            torch.manual_seed(1)
            np.random.seed(1)  # noqa: NPY002
            second = toy(self.drawn(), task, size=size).train()
            for name, value in first.items():
                assert torch.equal(value, second[name]), f"{name} differs between equal seeds"

    def test_global_randomness_is_untouched(self) -> None:
        """Nothing is drawn from the global generators."""
        for task, size in self.each():
            built = toy(self.drawn(), task, size=size)
            before = global_random_states()
            built.train()
            assert global_random_states() == before, "the method draws from a global generator"

    def test_data_are_unchanged(self) -> None:
        """Batches are as they were."""
        for task, size in self.each():
            built = toy(self.drawn(), task, size=size)
            kept = [_tensors(batch) for batch in built.batches]
            built.train()
            for batch, before in zip(built.batches, kept, strict=True):
                for name, value in _tensors(batch).items():
                    assert torch.equal(value, before[name]), (
                        f"the method changed the batch's {name}"
                    )

    def test_loss_leaves_the_network_unchanged(self) -> None:
        """Computing a gradient moves nothing."""
        if self.method.loss is Method.loss:
            return
        for task, size in self.each():
            built = toy(self.drawn(), task, size=size)
            before = {k: p.detach().clone() for k, p in built.network.parameters.items()}
            built.method.gradients(built.network, built.batches[-1], built.state)
            for name, value in built.network.parameters.items():
                assert torch.equal(value, before[name]), f"computing the gradient changed {name}"

    def test_predicting_leaves_training_unchanged(self) -> None:
        """Looking at every checkpoint changes nothing."""
        for task, size in self.each():
            plain = toy(self.drawn(), task, size=size)
            watched = toy(self.drawn(), task, size=size)
            for batch in watched.batches:
                take_step(watched.method, watched.network, watched.optimizer, batch, watched.state)
                watched.predicting()
            for name, value in plain.train().items():
                assert torch.equal(value, watched.predicting()[name]), f"{name} was disturbed"

    def test_cost_is_as_stated(self) -> None:
        """Counting the examples that pass through the networks confirms the record's passes."""
        if self.info.own_network:
            return
        for task, size in self.each(batch=8):  # as many as a window of steps holds
            built = toy([self.method()] * 3, task, size=size)
            built.train()
            looks = 3 * self.info.looks * size.environments * size.pool
            shown = 3 * size.steps * size.slots * size.batch
            passes = (built.network.examples - looks) / shown
            assert abs(passes - self.info.passes) < 1e-9, (
                f"the record says {self.info.passes:g} passes per step and {self.info.looks} over "
                f"all training rows; that leaves {passes:g} counted"
            )

    def test_more_environments_than_slots(self) -> None:
        """A batch may show only some of the training environments."""
        for task, size in self.each():
            self._stays_finite(task, replace(size, environments=size.environments + 2))

    def test_environments_of_other_runs(self) -> None:
        """A problem may have environments that a run never sees."""
        for task, size in self.each():
            self._stays_finite(task, replace(size, absent=2))

    def test_fewest_environments(self) -> None:
        """The stated minimum of environments is enough to train."""
        fewest = self.info.minimum_environments
        for task, size in self.each(environments=fewest, slots=fewest):
            self._stays_finite(task, size)

    def test_any_module(self) -> None:
        """Any module trains, several runs at once."""

        def perceptron(shape: tuple[int, ...], outputs: int) -> nn.Module:
            return nn.Sequential(
                nn.Flatten(), nn.Linear(int(np.prod(shape)), 8), nn.Tanh(), nn.Linear(8, outputs)
            )

        self._train_images(perceptron, runs=3)

    def test_convolutions(self) -> None:
        """Networks that do not vectorise train one run at a time."""
        self._train_images(small_cnn, runs=1)

    def test_stays_on_the_cpu(self) -> None:
        """No accelerator is needed or used."""
        for task, size in self.each():
            built = toy(self.drawn(), task, size=size)
            tensors = {**built.state, **built.train()}
            assert {t.device.type for t in tensors.values()} <= {"cpu"}

    def _stays_finite(self, task: str, size: Size) -> None:
        for name, value in toy(self.drawn(), task, size=size).train().items():
            assert bool(torch.isfinite(value).all()), f"{name} is not finite for {task}"

    def _train_images(self, factory: Callable[..., nn.Module], runs: int) -> None:
        for task, size in self.each(batch=4, steps=2):
            images = replace(size, shape=(1, 4, 4))
            built = toy(self.drawn(runs), task, size=images, architecture=Module(factory))
            before = built.predicting()
            after = built.train()
            assert all(bool(torch.isfinite(value).all()) for value in after.values())
            moved = any(not torch.equal(after[name], before[name]) for name in after)
            assert moved == self.trains

    def assert_close(self, many: Parameters, one: Parameters, run: int, tolerance: float) -> None:
        """Compare one run among many with the same run alone, all tensors on one scale."""
        scale = max(float(value.abs().max()) for value in one.values())
        for name, value in one.items():
            apart = float((many[name][run] - value[0]).abs().max())
            assert apart <= tolerance * max(scale, 1), (
                f"{name} of run {run} depends on the other runs (by {apart:.2g})"
            )


def check_record(info: Any, tasks: Collection[str] = TASKS) -> None:
    """A record states a summary, a source and tasks that are known."""
    assert info.summary
    assert info.paper.link.startswith("https://")
    assert info.tasks
    assert set(info.tasks) <= set(tasks)


def check_declared(kind: type[Hyperparameters]) -> None:
    """Defaults lie within their ranges, ranges within limits, and each has a help text."""
    for name, declared in kind.fields().items():
        low, high = declared.metadata["low"], declared.metadata["high"]
        assert low <= declared.default <= high, f"the default of {name} is outside its range"
        assert high <= declared.metadata["limit"], f"{name} may be drawn above its limit"
        assert low > 0 or not declared.metadata["log"], f"{name} has no logarithm at {low}"
        assert declared.metadata["help"], f"{name} has no help"


def _tensors(batch: Batch) -> dict[str, Tensor]:
    return {name: getattr(batch, name).clone() for name in ("x", "y", "environment", "class_share")}


def global_random_states() -> tuple[bytes, bytes, object]:
    """The states of torch's, NumPy's and Python's own generators."""
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002
    return (
        torch.get_rng_state().numpy().tobytes(),
        numpy_state["state"]["key"].tobytes() + bytes(str(numpy_state["state"]["pos"]), "ascii"),
        random.getstate(),
    )
