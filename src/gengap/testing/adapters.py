"""What every test-time adapter must satisfy."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from gengap.adapters.base import Adapter
from gengap.adapters.registry import NORMALISATION, SOURCE, AdapterInfo, adapters
from gengap.testing.adapter_toys import KINDS, AdapterToy, adapter_toy
from gengap.testing.conformance import check_declared, check_record, global_random_states
from gengap.testing.detectors import complaint

BATCH = 16


class AdapterConformance:
    """What every adapter must satisfy; subclass it and set ``adapter``.

    ``info`` is looked up in the registry; ``extra`` are further arguments of the adapter, such as
    a function that it needs.
    """

    adapter: type[Adapter]
    extra: dict[str, Any] = {}  # noqa: RUF012

    @property
    def info(self) -> AdapterInfo:
        """The adapter's record."""
        found = [info for info in adapters().values() if info.adapter is self.adapter]
        assert found, (
            f"{self.adapter.__name__} is not registered; decorate it with @register_adapter"
        )
        return found[0]

    def each(self) -> Iterator[AdapterToy]:
        """The toys that the record claims."""
        toys = [adapter_toy(kind) for kind in KINDS]
        fit = [t for t in toys if not self.info.why_not(t.task, t.model, True, t.x[:2])]
        assert fit, f"{self.info.name} applies to none of the toys"
        yield from fit

    def made(self, toy: AdapterToy, **settings: Any) -> Adapter:
        """An adapter of a toy's network."""
        return self.adapter(toy.model, source=toy.source, **self.extra, **settings)

    def test_record_is_complete(self) -> None:
        """The record states a summary, a source and known tasks."""
        check_record(self.info)
        assert self.info.minimum_batch >= 1

    def test_hyperparameters_are_declared(self) -> None:
        """Defaults lie within their ranges, ranges within limits, and each has a help text."""
        check_declared(self.adapter.Settings)

    def test_answers_are_as_the_models(self) -> None:
        """Answers are finite, without gradients, shaped and typed as the model's."""
        for toy in self.each():
            adapter = self.made(toy)
            for x in toy.x.split(BATCH):
                answer = adapter.predict(x)
                with torch.no_grad():
                    plain = toy.model(x)
                assert answer.shape == plain.shape, f"{toy.kind}: {tuple(answer.shape)}"
                assert answer.dtype == plain.dtype
                assert not answer.requires_grad
                assert bool(torch.isfinite(answer).all()), f"{toy.kind}: not finite"
                if adapter.strangeness is not None:
                    assert adapter.strangeness.shape == (len(x),)

    def test_what_was_given_is_untouched(self) -> None:
        """The model's tensors, modes, gradients and hooks stay, and so do the examples."""
        for toy in self.each():
            rows = (toy.x, toy.source.x, toy.source.y, toy.source.environment)
            before = _copies(toy.model), [row.clone() for row in rows], _hooks(toy.model)
            adapter = self.made(toy)
            for x in toy.x.split(BATCH):
                adapter.predict(x)
            adapter.reset()
            _assert_equal(_copies(toy.model), before[0], f"{toy.kind}: the given model")
            assert all(torch.equal(a, b) for a, b in zip(rows, before[1], strict=True))
            assert _hooks(toy.model) == before[2], "hooks were left on the given model"
            assert not toy.model.training
            assert all(p.requires_grad and p.grad is None for p in toy.model.parameters())

    def test_reset_restores_everything(self) -> None:
        """All tensors that are kept, and all answers, are those of a new adapter, bit for bit."""
        for toy in self.each():
            adapter, fresh = self.made(toy), self.made(toy)
            first = [adapter.predict(x) for x in toy.x.split(BATCH)]
            adapter.reset()
            _assert_equal(tensors_in(adapter), tensors_in(fresh), f"{toy.kind}: reset")
            again = [adapter.predict(x) for x in toy.x.split(BATCH)]
            for one, other in zip(first, again, strict=True):
                assert torch.equal(one, other), f"{toy.kind}: answers differ after a reset"

    def test_answers_depend_on_nothing_else(self) -> None:
        """Equal seeds give equal answers, drawing nothing global, whatever the grad mode."""
        toy = next(iter(self.each()))
        adapter = self.made(toy)
        before = global_random_states()
        first = [adapter.predict(x) for x in toy.x.split(BATCH)]
        assert global_random_states() == before, "the adapter draws from a global generator"
        torch.manual_seed(1)
        random.seed(1)
        with torch.inference_mode():
            other = self.made(toy)
            second = [other.predict(x) for x in toy.x.split(BATCH)]
        for one, two in zip(first, second, strict=True):
            assert torch.equal(one, two)

    def test_passes_are_as_counted_and_as_stated(self) -> None:
        """The adapter's counts are those of a layer that all passes go through."""
        for toy in self.each():
            counter = toy.counter
            counter.forwards = counter.backwards = 0
            adapter = self.made(toy)
            assert counter.forwards == adapter.prepared_forwards
            assert counter.backwards == adapter.prepared_backwards
            counter.forwards = counter.backwards = 0
            for x in toy.x.split(BATCH):
                adapter.predict(x)
            assert counter.forwards == adapter.forwards, f"{toy.kind}: forwards"
            assert counter.backwards == adapter.backwards, f"{toy.kind}: backwards"
            stated = self.info.forwards * len(toy.x), self.info.backwards * len(toy.x)
            counted = adapter.forwards, adapter.backwards
            if self.info.at_most:
                assert all(c <= s for c, s in zip(counted, stated, strict=True)), counted
            else:
                assert counted == stated, f"{toy.kind}: {counted}, stated {stated}"

    def test_small_batches(self) -> None:
        """The smallest batches are answered; smaller ones are told so where statistics lack."""
        for toy in islice(self.each(), 3):
            least = self.info.fewest(toy.model)
            adapter = self.made(toy)
            for start in range(3):
                answer = adapter.predict(toy.x[start * least : (start + 1) * least])
                assert bool(torch.isfinite(answer).all()), f"{toy.kind}: not finite"
            if least > 1 and toy.kind in ("rows-batchnorm", "values-batchnorm"):
                assert complaint(partial(adapter.predict, toy.x[:1])), "one example was enough"

    def test_memory_is_bounded(self) -> None:
        """A stream may never end."""
        toy = next(iter(self.each()))
        adapter = self.made(toy)
        sizes = []
        for turn in range(36):
            adapter.predict(toy.x + 0.01 * turn if toy.x.is_floating_point() else toy.x)
            if turn >= 30:
                sizes.append(sum(v.numel() for v in tensors_in(adapter).values()))
        assert max(sizes) <= 1.02 * sizes[0], f"memory grows from {sizes[0]} to {max(sizes)}"

    def test_needs_are_needed(self) -> None:
        """Without one of its needs the adapter says so in a sentence, as the record does."""
        toy = next(iter(self.each()))
        if SOURCE in self.info.needs:
            assert self.info.why_not(toy.task, toy.model, False)
            assert complaint(lambda: self.adapter(toy.model, **self.extra)), "no source was fine"
        plain = adapter_toy("rows-plain")
        if NORMALISATION in self.info.needs:
            assert self.info.why_not(plain.task, plain.model, True)
            assert complaint(lambda: self.made(plain)), "no normalisation was fine"
        assert complaint(lambda: self.made(toy).predict(toy.x[:0])), "no examples were fine"


def tensors_in(thing: Any, depth: int = 6) -> dict[str, Tensor]:
    """All tensors that an object keeps, by the way to them, optimisers and generators included."""
    found: dict[str, Tensor] = {}
    _collect(thing, "", depth, found, set())
    return found


def _collect(thing: Any, name: str, depth: int, found: dict[str, Tensor], seen: set[int]) -> None:
    if isinstance(thing, torch.Generator):
        found[name] = thing.get_state()
        return
    if isinstance(thing, Tensor):
        if id(thing) in seen:
            return
        seen.add(id(thing))
        found[name] = thing.detach().clone()
        if thing.is_leaf and thing.grad is not None:
            found[f"{name}.grad"] = thing.grad.clone()
        return
    if depth < 0 or id(thing) in seen or isinstance(thing, str | int | float | type):
        return
    seen.add(id(thing))
    if isinstance(thing, nn.Module):
        named = [*thing.named_parameters(), *thing.named_buffers()]
        parts = dict(named) | {k: v for k, v in vars(thing).items() if not k.startswith("_")}
    elif isinstance(thing, torch.optim.Optimizer):
        state = thing.state_dict()["state"]
        parts = {f"{k}.{n}": v for k, values in state.items() for n, v in values.items()}
    elif isinstance(thing, dict):
        parts = {str(k): v for k, v in thing.items()}
    elif isinstance(thing, list | tuple | set):
        parts = {str(k): v for k, v in enumerate(thing)}
    else:
        parts = vars(thing) if hasattr(thing, "__dict__") else {}
        parts = {k: v for k, v in parts.items() if not callable(v) or isinstance(v, nn.Module)}
    for key, value in parts.items():
        _collect(value, f"{name}.{key}", depth - 1, found, seen)


def _copies(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def _assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor], what: str) -> None:
    assert set(found) == set(expected), f"{what}: {set(found) ^ set(expected)}"
    for name, value in expected.items():
        assert torch.equal(found[name], value), f"{what} changed {name}"
