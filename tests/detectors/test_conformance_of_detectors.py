"""The shipped suite notices detectors that break the contract."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import detector_info
from gengap.models.outputs import Outputs, features_of, labels_of, logits_of
from gengap.testing import DetectorConformance


@dataclass(frozen=True)
class Plain(Detector):
    """Minus the largest logit, without any of the care."""

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        return -logits_of(outputs).amax(1)


@dataclass(frozen=True)
class Backwards(Plain):
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        return -super().score(fitted, outputs)


@dataclass(frozen=True)
class Column(Plain):
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        return super().score(fitted, outputs)[:, None]


@dataclass(frozen=True)
class Double(Plain):
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        return super().score(fitted, outputs).double()


@dataclass(frozen=True)
class Overflows(Plain):
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        return super().score(fitted, outputs) * 1e9


@dataclass(frozen=True)
class DividesByNothing(Plain):
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        return super().score(fitted, outputs) / logits_of(outputs).std(1)


@dataclass(frozen=True)
class DividesByNoSpread(Plain):
    def fit(self, train: Outputs) -> Fitted:
        return {"spread": logits_of(train).std(0)}

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        return super().score(fitted, outputs) / fitted["spread"].mean()


@dataclass(frozen=True)
class ComparesRows(Plain):
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        scores = super().score(fitted, outputs)
        return scores - scores.sum() / 100


@dataclass(frozen=True)
class WritesIntoOutputs(Plain):
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        logits_of(outputs).mul_(0.999)
        return super().score(fitted, outputs)


@dataclass(frozen=True)
class GlobalRandomness(Plain):
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        return super().score(fitted, outputs) + torch.rand(())


@dataclass(frozen=True)
class NotContiguous(Plain):
    def fit(self, train: Outputs) -> Fitted:
        return {"rows": logits_of(train).T}


@dataclass(frozen=True)
class ReadsMore(Plain):
    def fit(self, train: Outputs) -> Fitted:
        return {"mean": torch.zeros(1) if train.features is None else train.features.mean(0)}


@dataclass(frozen=True)
class NeedsLess(Plain):
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        return torch.zeros(len(outputs))


@dataclass(frozen=True)
class DefaultOutsideRange(Plain):
    strength: float = hyperparameter(5.0, 0.0, 1.0, help="too strong")


@dataclass(frozen=True)
class AnyLabels(Plain):
    def fit(self, train: Outputs) -> Fitted:
        return {"first": labels_of(train)[:1].clone()}


@dataclass(frozen=True)
class NotFar(Plain):
    """By features, but blind to distance."""

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        return -features_of(outputs).abs().amax(1)


FAULTS: dict[type[Detector], str] = {
    Backwards: "test_strangers_score_higher",
    Column: "test_scores_are_one_float32_per_row",
    Double: "test_scores_are_one_float32_per_row",
    Overflows: "test_scores_are_finite_on_huge_rows",
    DividesByNothing: "test_scores_are_finite_on_constant_rows",
    DividesByNoSpread: "test_fits_constant_training_examples",
    ComparesRows: "test_rows_do_not_depend_on_each_other",
    WritesIntoOutputs: "test_arguments_are_unchanged",
    GlobalRandomness: "test_same_examples_same_scores",
    NotContiguous: "test_fitted_is_tensors_that_can_be_saved",
    ReadsMore: "test_needs_are_enough",
    NeedsLess: "test_needs_are_needed",
    DefaultOutsideRange: "test_hyperparameters_are_declared",
    AnyLabels: "test_one_class_is_too_few",
    NotFar: "test_strangers_score_higher",
}
NEEDS = {AnyLabels: ("logits", "labels"), NotFar: ("features",)}


def suite(kind: type[Detector]) -> DetectorConformance:
    record = replace(detector_info("energy"), detector=kind, needs=NEEDS.get(kind, ("logits",)))

    class Checked(DetectorConformance):
        detector = kind
        info = record  # type: ignore[assignment]

    return Checked()


@pytest.mark.parametrize(("detector", "check"), FAULTS.items(), ids=lambda value: str(value))
def test_a_fault_is_noticed(
    detector: type[Detector], check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh_toy(monkeypatch)
    with pytest.raises(AssertionError):
        getattr(suite(detector), check)()


@pytest.mark.parametrize("check", sorted(set(FAULTS.values())))
def test_no_fault_is_no_fault(check: str) -> None:
    getattr(suite(Plain), check)()


def test_an_unregistered_detector_is_told_to_register() -> None:
    class Checked(DetectorConformance):
        detector = Plain

    with pytest.raises(AssertionError, match="not registered"):
        Checked().test_record_is_complete()


def fresh_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A toy of one's own: one of the faults is to write into it."""
    import gengap.testing.detectors as shipped

    own = shipped.blobs.__wrapped__("classification")
    monkeypatch.setattr(shipped, "blobs", lambda task="classification": own)
