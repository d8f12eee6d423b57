"""What every post-hoc detector must satisfy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import lru_cache, partial
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from gengap.base.errors import UsageError
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import DetectorInfo, detectors
from gengap.models.outputs import Outputs
from gengap.statistics.separation.metrics import auroc
from gengap.testing.blobs import Blobs, blobs
from gengap.testing.conformance import check_declared, check_record, global_random_states
from gengap.testing.toys import TASKS

READ = {f.name for f in fields(Outputs)}


class DetectorConformance:
    """What every detector must satisfy; subclass it and set ``detector``.

    ``info`` is looked up in the registry; ``tolerance`` is the largest difference between a row's
    score alone and among others, relative to the largest score; ``least_auroc`` is the mean area
    under the receiver operating characteristic for the ``strangers`` below which the detector is
    said to point the wrong way.
    """

    detector: type[Detector]
    tolerance = 1e-6
    least_auroc = 0.7

    @property
    def info(self) -> DetectorInfo:
        """The detector's record."""
        found = [info for info in detectors().values() if info.detector is self.detector]
        assert found, (
            f"{self.detector.__name__} is not registered; decorate it with @register_detector"
        )
        return found[0]

    @property
    def strangers(self) -> tuple[str, ...]:
        """The toy's strangers that must score higher.

        What reads the logits or the network's derivatives need not notice strangers far away, of
        which a rectified network is sure; what goes by distance must.
        """
        believes = {"logits", "head", "network", "tail", "maps", "dropout"} & set(self.info.needs)
        return ("between",) if believes else ("between", "far")

    def each(self) -> Iterator[tuple[Detector, Blobs, Fitted]]:
        """The detector fitted on a toy of every task its record claims.

        What applies to several labels and to other tasks as well reads no label of them.
        """
        for task in self.info.tasks[:2]:
            detector: Any = self.detector
            yield detector(), blobs(task), dict(_fitted(detector, task))

    def test_record_is_complete(self) -> None:
        """The record states a summary, a source, a cost, and needs and tasks that exist."""
        info = self.info
        check_record(info, {*TASKS, "multi-label"})
        assert info.cost
        assert info.needs
        assert set(info.needs) <= READ

    def test_hyperparameters_are_declared(self) -> None:
        """Defaults lie within their ranges, ranges within limits, and each has a help text."""
        check_declared(self.detector)

    def test_scores_are_one_float32_per_row(self) -> None:
        """``score`` returns ``(n,)`` float32 without a gradient, for no rows and one row too."""
        for detector, toy, fitted in self.each():
            for rows in (0, 1, len(toy.new)):
                scores = detector.score(fitted, toy.new.rows(slice(rows)))
                assert scores.shape == (rows,)
                assert scores.dtype == torch.float32
                assert not scores.requires_grad
                assert bool(torch.isfinite(scores).all())

    def test_scores_are_finite_on_constant_rows(self) -> None:
        """All zeros, or all ones, are scored."""
        for detector, toy, fitted in self.each():
            for constant in (0.0, 1.0):
                flat = _mapped(toy.new, partial(torch.full_like, fill_value=constant))
                assert bool(torch.isfinite(detector.score(fitted, flat)).all())

    def test_scores_are_finite_on_huge_rows(self) -> None:
        """Overflow is clipped, not passed on."""
        for detector, toy, fitted in self.each():
            for scale in (1e6, 1e20, 1e30):
                huge = _mapped(toy.far, partial(torch.mul, other=scale))
                scores = detector.score(fitted, huge)
                assert bool(torch.isfinite(scores).all()), f"not finite at {scale:g} times"

    def test_fits_constant_training_examples(self) -> None:
        """A model that makes the same of all its training examples can still be guarded."""
        for detector, toy, _ in self.each():
            flat = _mapped(toy.train, lambda rows: rows[:1].expand_as(rows).clone())
            scores = detector.score(detector.fit(flat), toy.new)
            assert bool(torch.isfinite(scores).all())

    def test_rows_do_not_depend_on_each_other(self) -> None:
        """Neither the batch's size nor its order changes a score."""
        for detector, toy, fitted in self.each():
            together = detector.score(fitted, toy.new)
            order = torch.arange(len(toy.new)).flip(0)
            for size in (1, 7, 64):
                parts = [detector.score(fitted, toy.new.rows(rows)) for rows in order.split(size)]
                self.assert_close(torch.cat(parts).flip(0), together, f"in batches of {size}")

    def test_strangers_score_higher(self) -> None:
        """Larger is stranger."""
        for detector, toy, fitted in self.each():
            usual = detector.score(fitted, toy.new)
            areas = {
                kind: auroc(usual, detector.score(fitted, getattr(toy, kind)))
                for kind in self.strangers
            }
            found = sum(areas.values()) / len(areas)
            assert found >= self.least_auroc, f"strangers score too low, by area: {areas}"

    def test_arguments_are_unchanged(self) -> None:
        """Outputs, fitted tensors and the model stay as they were, gradients included."""
        for detector, toy, fitted in self.each():
            watched = (toy.train, toy.new)
            kept = [_tensors(outputs) for outputs in watched]
            before = _copies(fitted)
            detector.score(detector.fit(toy.train), toy.new)
            detector.score(fitted, toy.new)
            for outputs, copies in zip(watched, kept, strict=True):
                _assert_equal(_tensors(outputs), copies, "the outputs")
            _assert_equal(fitted, before, "the fitted tensors")
            assert isinstance(toy.train.network, nn.Module)
            assert not toy.train.network.training
            assert all(p.grad is None for p in toy.train.network.parameters())
            assert all(p.requires_grad for p in toy.train.network.parameters())

    def test_same_examples_same_scores(self) -> None:
        """Fitting twice gives the same to the last bit and draws nothing from global generators."""
        for detector, toy, fitted in self.each():
            before = global_random_states()
            again = detector.fit(toy.train)
            scores = detector.score(again, toy.new)
            assert global_random_states() == before, "the detector draws from a global generator"
            _assert_equal(again, fitted, "what was learned")
            assert torch.equal(scores, detector.score(fitted, toy.new))

    def test_fitted_is_tensors_that_can_be_saved(self) -> None:
        """What was learned survives a safetensors file, with equal scores."""
        for detector, toy, fitted in self.each():
            for name, value in fitted.items():
                assert isinstance(value, Tensor), f"{name} is not a tensor"
                assert value.is_contiguous(), f"{name} is not contiguous"
                assert not value.requires_grad, f"{name} carries a gradient"
                assert value.device.type == "cpu", f"{name} is not on the CPU"
            loaded = load(save(fitted)) if fitted else {}
            _assert_equal(loaded, fitted, "what was saved")
            assert torch.equal(detector.score(loaded, toy.new), detector.score(fitted, toy.new))

    def test_needs_are_enough(self) -> None:
        """Only what the record says is read, and labels only when fitting."""
        for detector, toy, fitted in self.each():
            spare = READ - set(self.info.needs)
            train, new = _without(toy.train, spare), _without(toy.new, spare | {"labels"})
            again = detector.fit(train)
            _assert_equal(again, fitted, "what was learned")
            assert torch.equal(detector.score(again, new), detector.score(fitted, toy.new))

    def test_needs_are_needed(self) -> None:
        """Without one of its needs the detector says so in a sentence."""
        for detector, toy, _ in self.each():
            for need in self.info.needs:
                train, new = _without(toy.train, {need}), _without(toy.new, {need})
                told = complaint(partial(_fit_and_score, detector, train, new))
                assert told, f"nothing is said when {need} is missing"

    def test_one_class_is_too_few(self) -> None:
        """Where classes are compared, training examples of one class are a usage error."""
        if "labels" not in self.info.needs or self.info.tasks != ("classification",):
            return
        toy = blobs("classification")
        assert toy.train.labels is not None
        single = toy.train.rows(toy.train.labels == 1)
        assert complaint(lambda: self.detector().fit(single)), "one class was fitted"

    def assert_close(self, found: Tensor, expected: Tensor, how: str) -> None:
        """Compare scores relative to the largest."""
        scale = max(float(expected.abs().max()), 1.0)
        apart = float((found - expected).abs().max())
        assert apart <= self.tolerance * scale, f"scores change by {apart:.2g} {how}"


@lru_cache
def _fitted(detector: Callable[[], Detector], task: str) -> Fitted:
    """The detector fitted on a toy, once for all the tests that only ask it.

    Whether another fit gives the same, and whether a fit changes its arguments, are tests too.
    """
    return detector().fit(blobs(task).train)


def complaint(action: Callable[[], object]) -> str | None:
    """The usage error's sentence, or None where the action goes through."""
    try:
        action()
    except UsageError as error:
        text = str(error)
    else:
        return None
    assert re.fullmatch(r"\S.{10,}\.", text), f"not a sentence: {text}"
    return text


def _fit_and_score(detector: Detector, train: Outputs, new: Outputs) -> Tensor:
    return detector.score(detector.fit(train), new)


def _mapped(outputs: Outputs, change: Callable[[Tensor], Tensor]) -> Outputs:
    """Outputs with all rows changed, labels excepted."""
    changed: dict[str, Any] = {
        name: change(rows)
        for name in ("logits", "features", "inputs")
        if (rows := getattr(outputs, name)) is not None
    }
    return replace(outputs, layers=tuple(change(rows) for rows in outputs.layers), **changed)


def _without(outputs: Outputs, names: set[str]) -> Outputs:
    empty: dict[str, Any] = {name: () if name in ("layers", "tail") else None for name in names}
    return replace(outputs, **empty)


def _tensors(outputs: Outputs) -> Fitted:
    """Copies of all tensors of some outputs, the head's and the network's included."""
    found = {
        name: rows
        for name in ("logits", "features", "inputs", "labels")
        if (rows := getattr(outputs, name)) is not None
    }
    found |= {f"layer {k}": rows for k, rows in enumerate(outputs.layers)}
    if outputs.head is not None:
        found |= {"head weight": outputs.head.weight, "head bias": outputs.head.bias}
    if isinstance(outputs.network, nn.Module):
        found |= outputs.network.state_dict()
    return _copies(found)


def _copies(tensors: Fitted) -> Fitted:
    return {name: value.detach().clone() for name, value in tensors.items()}


def _assert_equal(found: Fitted, expected: Fitted, what: str) -> None:
    assert set(found) == set(expected), f"{what} changed"
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, f"{what} changed: {name}"
        assert torch.equal(found[name], value), f"{what} changed: {name}"
