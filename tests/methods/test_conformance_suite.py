"""The shipped suite notices methods that break the contract."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.methods.base import Method
from gengap.methods.batch import Batch
from gengap.methods.erm import ERM
from gengap.methods.registry import method_info
from gengap.testing import MethodConformance


@dataclass(frozen=True)
class AcrossRuns(ERM):
    def loss(self, network: Any, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        return super().loss(network, batch, state) ** 2 + super().loss(network, batch, state).prod()


@dataclass(frozen=True)
class WritesIntoData(ERM):
    def loss(self, network: Any, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        batch.x.mul_(0.9)
        return super().loss(network, batch, state)


@dataclass(frozen=True)
class GlobalRandomness(ERM):
    def loss(self, network: Any, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        return super().loss(network, batch, state) * torch.rand(())


@dataclass(frozen=True)
class TwoPasses(ERM):
    def loss(self, network: Any, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        return super().loss(network, batch, state) / 2 + super().loss(network, batch, state) / 2


@dataclass(frozen=True)
class PerEnvironment(ERM):
    def loss(self, network: Any, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        return batch.risks(network(batch.x).logits)


@dataclass(frozen=True)
class Uphill(ERM):
    def loss(self, network: Any, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        return -super().loss(network, batch, state)


@dataclass(frozen=True)
class MovesWhileLooking(ERM):
    def prediction_parameters(self, network: Any, state: dict[str, Tensor]) -> dict[str, Tensor]:
        with torch.no_grad():
            for value in network.parameters.values():
                value.mul_(0.9)
        return network.parameters


@dataclass(frozen=True)
class DefaultOutsideRange(ERM):
    strength: float = hyperparameter(5.0, 0.0, 1.0, help="too strong")


@dataclass(frozen=True)
class OneSlotPerEnvironment(ERM):
    def loss(self, network: Any, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        weights = torch.ones(batch.context.environments)
        return (weights * batch.risks(network(batch.x).logits)).mean(1)


FAULTS = {
    AcrossRuns: "test_runs_do_not_depend_on_each_other",
    WritesIntoData: "test_data_are_unchanged",
    GlobalRandomness: "test_global_randomness_is_untouched",
    TwoPasses: "test_cost_is_as_stated",
    PerEnvironment: "test_loss_is_one_finite_number_per_run",
    Uphill: "test_training_learns",
    MovesWhileLooking: "test_predicting_leaves_training_unchanged",
    DefaultOutsideRange: "test_hyperparameters_are_declared",
}


def suite(kind: type[Method]) -> MethodConformance:
    class Checked(MethodConformance):
        method = kind
        info = replace(method_info("erm"), method=kind)  # type: ignore[assignment]

    return Checked()


@pytest.mark.parametrize(("method", "check"), FAULTS.items(), ids=lambda value: str(value))
def test_a_fault_is_noticed(method: type[Method], check: str) -> None:
    with pytest.raises(AssertionError):
        getattr(suite(method), check)()


def test_a_method_for_which_more_environments_than_slots_do_not_fit_fails() -> None:
    with pytest.raises(RuntimeError):
        suite(OneSlotPerEnvironment).test_more_environments_than_slots()


def test_an_unregistered_method_is_told_to_register() -> None:
    class Checked(MethodConformance):
        method = TwoPasses

    with pytest.raises(AssertionError, match="not registered"):
        Checked().test_record_is_complete()
