"""What every adapter is: a wrapper of a trained module that adapts on a batch and answers it.

    adapter = gg.adapters.Tent(model, learning_rate=1e-3)
    logits = adapter.predict(batch)     # adapts, answers; the model that was given never changes
    adapter.reset()                     # everything back, bit for bit

An adapter owns a copy of the module, in eval mode and without gradients but where it adapts. What
it keeps beside the copy's tensors (an optimiser, memories, a generator) is made in :meth:`begin`,
which runs on construction and again on every reset, so that a reset adapter is a new one.

Passes are counted in examples: ``forwards`` and ``backwards`` are what went through the network
since construction; what was spent on looking at training examples before stands in
``prepared_forwards`` and ``prepared_backwards``.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gengap.adapters.tools.normalisation import BlendedBatchNorm
from gengap.base.errors import UsageError, first_line
from gengap.base.hyperparameters import Hyperparameters
from gengap.base.seeds import derive
from gengap.models.networks import Output
from gengap.models.passes import logits_in, uncompiled

ROWS_AT_ONCE = 1024  # of the training examples that an adapter looks at before it starts


@dataclass(frozen=True)
class Source:
    """What an adapter may know of training.

    Attributes:
        x: ``(n, *shape)`` training inputs as the model takes them.
        y: ``(n,)`` class codes (int64), ``(n, L)`` of tokens, or values.
        environment: ``(n,)`` int64 environment of each.
    """

    x: Tensor
    y: Tensor
    environment: Tensor

    def __len__(self) -> int:
        return len(self.x)


class Adapter:
    """Base of all adapters; as it stands it answers as the model does and adapts nothing.

    Subclasses declare :class:`Settings` and give :meth:`answer`, and where there is something to
    find out or to keep :meth:`prepare` and :meth:`begin`.

    Args:
        model: takes a batch ``(n, *shape)`` and returns logits ``(n, C)``, ``(n, L, C)`` of tokens
            or values ``(n, 1)``: as they are, as ``.logits``, or with features as
            :class:`~gengap.models.networks.Output`.
        source: training examples, for adapters that need them.
        seed: what an adapter draws depends on nothing else.
        settings: the hyperparameters of :class:`Settings`.

    Raises:
        UsageError: a setting is wrong, or the model lacks what the adapter needs.

    Attributes:
        model: the adapter's own copy.
        settings: the hyperparameters.
        forwards, backwards: examples passed through the network since construction.
        strangeness: ``(n,)`` of the last batch, larger where an example fits no class, from
            adapters that tell strangers; else None.
    """

    @dataclass(frozen=True)
    class Settings(Hyperparameters):
        """No hyperparameters."""

    strangeness: Tensor | None = None
    # Whether gradients are needed to answer; without, nothing of a pass is kept.
    learns: ClassVar[bool] = False
    # Whether training examples change what it does where they are at hand, though it needs none.
    reads_source: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "Settings" in cls.__dict__:  # sentences on wrong settings name the adapter
            cls.Settings.__name__ = cls.__name__

    def __init__(
        self, model: nn.Module, *, source: Source | None = None, seed: int = 0, **settings: Any
    ) -> None:
        self.settings: Any = type(self).Settings.make(**settings)
        self.model = own_copy(model)
        self.source, self.seed = None if source is None else _plain(source), seed
        self.forwards = self.backwards = 0
        self._linear: nn.Linear | None = None
        self._features: Tensor | None = None
        for module in self.model.modules():
            if isinstance(module, nn.Linear):
                module.register_forward_pre_hook(self._watch)
        with torch.inference_mode(False), torch.set_grad_enabled(self.learns):
            self.prepare()
        self.prepared_forwards, self.prepared_backwards = self.forwards, self.backwards
        self.forwards = self.backwards = 0
        self._first = {name: value.detach().clone() for name, value in self._tensors()}
        self.reset()

    # --- for users ----------------------------------------------------------------------------

    def predict(self, x: Tensor) -> Tensor:
        """Adapt on a batch ``(n, *shape)`` and answer it.

        Returns:
            Logits ``(n, C)``, ``(n, L, C)`` of tokens, or values ``(n, 1)``, detached.

        Raises:
            UsageError: the batch is empty, too small for the adapter, not finite, or of a shape
                that the model does not read.
        """
        with torch.inference_mode(False), torch.set_grad_enabled(self.learns):
            x = self._readable(x)
            self.strangeness = None
            answer = self.answer(x).detach()
            self._features = None  # the graph of a pass goes with it
            return answer

    def reset(self) -> None:
        """Put everything back as it was after construction, bit for bit; counts go on."""
        with torch.inference_mode(False), torch.no_grad():
            for name, value in self._tensors():
                value.copy_(self._first[name])
                value.grad = None
        for module in self.model.modules():
            if isinstance(module, BlendedBatchNorm):
                module.held = []
        self.strangeness = self._features = None
        with torch.inference_mode(False), torch.set_grad_enabled(self.learns):
            self.begin()

    # --- for subclasses -----------------------------------------------------------------------

    def prepare(self) -> None:
        """Find out once what adapts and what the training examples tell."""

    def begin(self) -> None:
        """Make what is kept beside tensors; runs after those were put back."""

    def answer(self, x: Tensor) -> Tensor:
        """Adapt on the batch and return its logits or values."""
        return self.forward(x).logits

    def forward(self, x: Tensor, model: nn.Module | None = None) -> Output:
        """Features ``(n, ..., f)``, the last linear layer's input, and logits ``(n, ..., C)``.

        Args:
            x: ``(n, *shape)``.
            model: another than the adapter's copy, which shows its logits alone.
        """
        self.forwards += len(x)
        self._features = None
        try:
            returned = (model or self.model)(x)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise UsageError(
                f"The network cannot read examples of shape {tuple(x.shape[1:])} "
                f"({first_line(error)}); give them in the form it was trained on."
            ) from error
        if isinstance(returned, Output):
            return returned
        logits = _logits(returned, len(x))
        features = logits if self._features is None else self._features
        return Output(features.reshape(*logits.shape[:-1], -1), logits)

    def backward(self, loss: Tensor, examples: int, inputs: Sequence[Tensor] | None = None) -> None:
        """Gradients of the loss for all that adapts, or some of it, through so many examples."""
        self.backwards += examples
        loss.backward(inputs=inputs)

    def generator(self, *purpose: object) -> torch.Generator:
        """A stream of the adapter's seed."""
        return torch.Generator().manual_seed(derive(self.seed, type(self).__name__, *purpose))

    def training_examples(self) -> Source:
        """The training examples, or a usage error where none were given."""
        if self.source is None or not len(self.source):
            raise UsageError(
                f"{type(self).__name__} needs training examples; give "
                "source=gg.adapters.Source(x, y, environment)."
            )
        return self.source

    @torch.no_grad()
    def head(self, said: Output) -> nn.Linear:
        """The last linear layer to run.

        Args:
            said: what the pass in which it ran gave.

        Raises:
            UsageError: the model has none, or it gives something else than the logits, which may
                differ from the layer's by one number for all classes of an answer.
        """
        features, logits = said
        last = self._linear
        if last is not None and last.weight.shape == (logits.shape[-1], features.shape[-1]):
            own = F.linear(features, last.weight, last.bias)
            apart = own - logits
            if logits.shape[-1] > 1:
                apart = apart - apart.mean(-1, keepdim=True)
            same = torch.finfo(own.dtype).eps ** 0.5 * max(1.0, float(own.abs().amax()))
            if float(apart.abs().amax()) <= same:
                return last
        raise UsageError(
            f"{type(self).__name__} needs a linear last layer that gives the logits; the model "
            "has none."
        )

    @torch.no_grad()
    def source_outputs(self) -> Output:
        """What the model makes of all training examples, without gradients."""
        parts = [self.forward(x) for x in self.training_examples().x.split(ROWS_AT_ONCE)]
        features, logits = zip(*parts, strict=True)
        return Output(torch.cat(features), torch.cat(logits))

    # --- own ----------------------------------------------------------------------------------

    def _watch(self, module: nn.Module, given: tuple[Any, ...]) -> None:
        """Note what the last linear layer to run was given."""
        assert isinstance(module, nn.Linear)
        self._linear, self._features = module, given[0]

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Parameters and buffers of the copy, those that are not saved included."""
        yield from self.model.named_parameters()
        yield from self.model.named_buffers()

    def _readable(self, x: Any) -> Tensor:
        """The batch as the network takes it: on its device, in its precision."""
        like = next((p for p in self.model.parameters() if p.is_floating_point()), None)
        rows = torch.as_tensor(x)
        rows = _detached(rows)
        if rows.dim() < 2 or not len(rows):
            raise UsageError(
                "A batch has one row or more of examples, (n, ...), not the shape "
                f"{tuple(rows.shape)}."
            )
        if like is not None:
            rows = rows.to(like.device, like.dtype if rows.is_floating_point() else rows.dtype)
        if rows.is_floating_point():
            self._check_numbers(rows)
        return rows

    def _check_numbers(self, rows: Tensor) -> None:
        """Raise before anything adapts: what is not a number would never leave what is kept."""
        # Whatever is not finite stays so in a sum, which needs no memory.
        if not math.isfinite(rows.sum().item()) and not torch.isfinite(rows).all():
            raise UsageError(
                "A batch holds values that are not finite, which would spoil all later answers; "
                "leave those examples out, or fill in what is missing."
            )
        known = None if self.source is None else self.source.x
        if known is not None and known.dim() == 2 and rows.shape[1:] != known.shape[1:]:
            raise UsageError(
                f"A batch has examples of shape {tuple(rows.shape[1:])}, and those of training "
                f"{tuple(known.shape[1:])}; give them in the form of training."
            )


def _detached(rows: Tensor) -> Tensor:
    """The same numbers, which no graph and no inference mode knows."""
    return rows.clone() if rows.is_inference() else rows.detach()


def _plain(source: Source) -> Source:
    with torch.inference_mode(False):
        return Source(*(_detached(own) for own in (source.x, source.y, source.environment)))


def own_copy(model: nn.Module) -> nn.Module:
    """A copy of a trained module in eval mode, without gradients.

    Raises:
        UsageError: its layers cannot be watched, or it has no weights, or one is not a number.
    """
    model = uncompiled(model)
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise UsageError(
            "A network made by torch.jit.script or trace does not show its layers; give the "
            "module that it was made from."
        )
    if any(nn.parameter.is_lazy(p) for p in model.parameters()):
        raise UsageError("The network has no weights yet; run it once on a few examples first.")
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise UsageError(
                f"The network's {name} holds numbers that are not finite; give a trained one."
            )
    try:
        with torch.inference_mode(False):
            own = copy.deepcopy(model).eval().requires_grad_(False)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # of tensors that are computed and kept, as by old weight_norm
        raise UsageError(
            f"The network cannot be copied ({first_line(error)}); keep no computed tensors in it, "
            "and use torch.nn.utils.parametrizations in place of torch.nn.utils.weight_norm."
        ) from error
    for parameter in own.parameters():
        parameter.grad = None
    return own


def _logits(returned: Any, rows: int) -> Tensor:
    """Logits ``(n, ..., C)`` in what a network returned."""
    logits = logits_in(returned)
    if isinstance(logits, Tensor) and logits.dim() == 1 and len(logits) == rows:
        logits = logits[:, None]
    if not isinstance(logits, Tensor) or logits.dim() < 2 or len(logits) != rows:
        raise UsageError(
            "The network must return one row of logits per example, (n, C) or (n, L, C), by "
            "itself or as 'logits' of a dictionary or object; wrap it so that it does."
        )
    return logits
