"""Forward passes through a PyTorch module that is watched and left as it was.

A hidden layer is the output of a submodule with parameters, or of the activation, normalisation,
dropout or pooling that takes that output directly and follows it. Feature maps ``(n, c, h, w)``
are averaged over space, anything else is flattened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from gengap.base.errors import UsageError

FOLLOWERS = ("activation", "batchnorm", "normalization", "instancenorm", "dropout", "pooling")


class Pass(NamedTuple):
    """One submodule's part in a forward pass."""

    module: nn.Module
    input: Tensor
    output: Tensor


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Switch a module to eval mode; afterwards its modes and buffers are as they were."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [
        (module._buffers, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    if any(training for _, training in modes):
        model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        with torch.no_grad():
            for home, name, buffer, before in buffers:
                home[name] = buffer
                if not torch.equal(buffer, before):
                    buffer.copy_(before)


def forward(model: nn.Module, rows: Tensor, watched: set[nn.Module]) -> tuple[Tensor, list[Pass]]:
    """Run a module; returns what it returned and what passed through the watched submodules."""
    passes: list[Pass] = []

    def note(module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        if given and isinstance(given[0], Tensor) and isinstance(output, Tensor):
            passes.append(Pass(module, given[0], output))

    hooks = [module.register_forward_hook(note) for module in watched]
    try:
        returned = model(rows.to(next(model.parameters(), rows).device))
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise UsageError(
            f"The network cannot read examples of shape {tuple(rows.shape[1:])} ({reason}); give "
            "them in the form it was trained on."
        ) from None
    finally:
        for hook in hooks:
            hook.remove()
    if isinstance(returned, Tensor) and returned.dim() == 1 and len(returned) == len(rows):
        returned = returned[:, None]
    if not isinstance(returned, Tensor) or returned.dim() != 2 or len(returned) != len(rows):
        raise UsageError(
            "The network must return one row of logits per example, (n, C); wrap it so that it "
            "does."
        )
    return returned, passes


def leaves(model: nn.Module) -> set[nn.Module]:
    """Submodules that contain no others."""
    return {module for module in model.modules() if next(module.children(), None) is None}


def hidden_layers(model: nn.Module, passes: list[Pass], head: str | None) -> list[Pass]:
    """The passes that end a hidden layer, in the order in which they ran."""
    last = model.get_submodule(head) if head is not None else None
    kept: list[Pass] = []
    for p in passes:
        if p.module is last:
            break
        if next(p.module.children(), None) is not None:
            continue
        follows = bool(kept) and p.input is kept[-1].output and _follower(p.module)
        if follows:
            kept[-1] = p
        elif next(p.module.parameters(), None) is not None or (kept and _activates(p.module)):
            kept.append(p)
    return kept if last is not None else kept[:-1]


def tails(model: nn.Module, passes: list[Pass], head: str | None) -> tuple[Callable, ...]:
    """Functions from each hidden layer to the next, for a plain sequence of layers on vectors."""
    flat = isinstance(model, nn.Sequential) and leaves(model) == set(model)
    layers = hidden_layers(model, passes, head)
    if not flat or not layers or any(p.output.dim() != 2 for p in layers):
        return ()
    assert isinstance(model, nn.Sequential)
    ends = [next(k for k, q in enumerate(passes) if q is p) for p in layers]
    stop = len(model) if head is None else int(head) + 1
    return tuple(
        pure(model[a + 1 : b + 1]) for a, b in zip(ends, [*ends[1:], stop - 1], strict=True)
    )


def pure(model: nn.Module, head: str | None = None) -> Callable[[Tensor], Tensor]:
    """A module as a function that can be differentiated by its input and changes nothing.

    With a head the function returns the head's output, the logits.
    """

    def function(inputs: Tensor) -> Tensor:
        like = next(model.parameters(), inputs)
        state = {name: p.detach() for name, p in model.named_parameters()}
        state |= {name: b.detach().clone() for name, b in model.named_buffers()}
        caught: list[Tensor] = []
        hook = None
        if head is not None:
            last = model.get_submodule(head)
            hook = last.register_forward_hook(lambda module, given, output: caught.append(output))
        try:
            with undisturbed(model):
                returned = functional_call(model, state, (inputs.to(like.device, like.dtype),))
        finally:
            if hook is not None:
                hook.remove()
        logits = caught[-1] if caught else returned
        return (logits[:, None] if logits.dim() == 1 else logits).to(inputs.device, inputs.dtype)

    return function


def vectors(rows: Tensor) -> Tensor:
    """Activations as float32 vectors ``(n, d)``; feature maps are averaged over space."""
    if rows.dim() == 4:
        rows = rows.mean((2, 3))
    return rows.detach().flatten(1).float().cpu() if rows.dim() > 1 else rows[:, None].float().cpu()


def _follower(module: nn.Module) -> bool:
    return type(module).__module__.rpartition(".")[2] in FOLLOWERS


def _activates(module: nn.Module) -> bool:
    return type(module).__module__.endswith(".activation")
