"""Forward passes through a PyTorch module: a replica of it is watched, it is left alone.

A hidden layer is the output of a submodule with parameters, or of the activation, normalisation,
dropout or pooling that takes that output directly and follows it. Feature maps ``(n, c, h, w)``
are averaged over space, anything else is flattened.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from gengap.base.errors import UsageError, first_line

MANY = 1000  # entries of a container that is not searched for submodules
DROPPING = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
PLAIN = (bool, int, float, str, type(None))
Replicas = dict[nn.Module, nn.Module]
Hook = Callable[[nn.Module, Any, Any], Any]
NOTHING: Mapping[str, Hook] = {}
FOLLOWERS = ("activation", "batchnorm", "normalization", "instancenorm", "dropout", "pooling")


class Pass(NamedTuple):
    """One submodule's part in a forward pass."""

    module: nn.Module
    input: Tensor
    output: Tensor


def replica(model: nn.Module) -> nn.Module:
    """The module in eval mode, made of module objects of its own that share the weights.

    What a forward pass leaves on it, hooks and modes included, the user's module never sees, so
    that any number of threads may read one network, or train it meanwhile. Parameters are shared
    and cut off from gradients, buffers are copied. References to submodules in lists, tuples,
    dictionaries and bound methods lead to the replicas. What :func:`torch.compile` made runs as it
    was before, for inside compiled code no layer can be watched.

    Raises:
        UsageError: a scripted module, whose layers cannot be watched.
    """
    modules = list(model.modules())
    if any(isinstance(module, torch.jit.ScriptModule) for module in modules):
        raise UsageError(
            "A network made by torch.jit.script or trace does not show its layers; give the "
            "module that it was made from."
        )
    if any(nn.parameter.is_lazy(p) for p in model.parameters()):
        raise UsageError("The network has no weights yet; run it once on a few examples first.")
    own: Replicas = {m: object.__new__(nn.Module if _compiled(m) else type(m)) for m in modules}
    for module, copied in own.items():
        state = {name: _replaced(value, own) for name, value in module.__dict__.items()}
        state |= {
            "_parameters": {
                k: p if p is None else p.detach() for k, p in module._parameters.items()
            },
            "_buffers": {k: b if b is None else b.clone() for k, b in module._buffers.items()},
            "_modules": {k: m if m is None else own[m] for k, m in module._modules.items()},
            "_compiled_call_impl": None,
            "training": False,
        }
        if _compiled(module):
            state["forward"] = state["_modules"]["_orig_mod"]
        copied.__dict__ = state
    return own[model]


def uncompiled(model: nn.Module) -> nn.Module:
    """The module that :func:`torch.compile` was given, or the same where it was not compiled."""
    return model._modules["_orig_mod"] or model if _compiled(model) else model


def _compiled(module: nn.Module) -> bool:
    return "_orig_mod" in module._modules


def _replaced(value: Any, own: Replicas, depth: int = 3) -> Any:
    """An attribute that leads to the replicas where it led to modules; containers are copied."""
    if type(value) in PLAIN:  # most attributes are
        return value
    if isinstance(value, nn.Module):
        return own.get(value, value)
    if isinstance(value, MethodType) and isinstance(value.__self__, nn.Module):
        return MethodType(value.__func__, own.get(value.__self__, value.__self__))
    if type(value) not in (list, tuple, set, dict, OrderedDict) or not depth or len(value) > MANY:
        return value
    if isinstance(value, dict):
        return type(value)((key, _replaced(v, own, depth - 1)) for key, v in value.items())
    return type(value)(_replaced(part, own, depth - 1) for part in value)


def forward(model: nn.Module, rows: Tensor, watched: set[nn.Module]) -> tuple[Tensor, list[Pass]]:
    """Run a replica; returns what it returned and what passed through the watched submodules."""
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
        raise UsageError(
            f"The network cannot read examples of shape {tuple(rows.shape[1:])} "
            f"({first_line(error)}); give them in the form it was trained on."
        ) from None
    finally:
        for hook in hooks:
            hook.remove()
    returned = logits_in(returned)
    if isinstance(returned, Tensor) and returned.dim() == 1 and len(returned) == len(rows):
        returned = returned[:, None]
    if not isinstance(returned, Tensor) or returned.dim() != 2 or len(returned) != len(rows):
        raise UsageError(
            "The network must return one row of logits per example, (n, C), by itself or as "
            "'logits' of a dictionary or object; wrap it so that it does."
        )
    return returned, passes


def logits_in(returned: Any) -> Any:
    """The logits in what a network returned: itself, or its entry or attribute of that name."""
    if isinstance(returned, Mapping):
        return returned.get("logits")
    return getattr(returned, "logits", returned)


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
    plain = isinstance(model, nn.Sequential) and type(model).forward is nn.Sequential.forward
    flat = plain and leaves(model) == set(model.children())
    layers = hidden_layers(model, passes, head)
    if not flat or not layers or any(p.output.dim() != 2 for p in layers):
        return ()
    ends = [next(k for k, q in enumerate(passes) if q is p) for p in layers]
    steps = list(model.children())
    stop = len(steps) if head is None else list(dict(model.named_children())).index(head) + 1
    return tuple(
        pure(nn.Sequential(*steps[a + 1 : b + 1]))
        for a, b in zip(ends, [*ends[1:], stop - 1], strict=True)
    )


def pure(
    model: nn.Module, head: str | None = None, changes: Mapping[str, Hook] = NOTHING
) -> Callable[[Tensor], Tensor]:
    """A module as a function that can be differentiated by its input and changes nothing.

    With a head the function returns the head's output, the logits. The changes are forward hooks
    of submodules, by name.
    """

    def function(inputs: Tensor) -> Tensor:
        own = replica(model)
        like = next(own.parameters(), inputs)
        caught: list[Tensor] = []
        for name, change in changes.items():
            own.get_submodule(name).register_forward_hook(change)
        if head is not None:
            last = own.get_submodule(head)
            last.register_forward_hook(lambda module, given, output: caught.append(output))
        returned = own(inputs.to(like.device, like.dtype))
        logits = caught[-1] if caught else logits_in(returned)
        return (logits[:, None] if logits.dim() == 1 else logits).to(inputs.device, inputs.dtype)

    return function


def with_changed_maps(
    model: nn.Module, passes: list[Pass], head: str | None
) -> Callable[[Tensor, Callable[[Tensor], Tensor]], Tensor] | None:
    """:attr:`Outputs.maps` of a network, or None where no layer has several positions.

    Args:
        model: the network, or a replica.
        passes: through all leaves of the model, of at least one example.
        head: name of the last linear layer, if there is one.
    """
    own = list(passes)
    last = model.get_submodule(head) if head is not None else None
    stop = next((k for k, p in enumerate(own) if p.module is last), len(own))
    # What comes before the first weights is the input, perhaps normalised.
    start = next((k for k, p in enumerate(own) if _weighs(p.module)), stop)
    found = next((k for k in reversed(range(start, stop)) if _is_map(own[k])), None)
    if found is None:
        return None
    module = own[found].module
    name = next(name for name, m in model.named_modules() if m is module)
    call = sum(p.module is module for p in own[:found])  # a module may run many times

    def function(inputs: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        calls = iter(range(MANY))

        def changed(module: nn.Module, given: Any, output: Tensor) -> Tensor:
            if next(calls) != call:
                return output
            rows = change(output.flatten(2).float().cpu())
            return rows.view(output.shape).to(output.device, output.dtype)

        return pure(model, head, {name: changed})(inputs)

    return function


def with_dropout(
    model: nn.Module, head: str | None = None
) -> Callable[[Tensor, int], Tensor] | None:
    """:attr:`Outputs.dropout` of a network, or None where no layer of it drops anything.

    What is dropped is drawn anew for every pass through a layer, with the layer's own chance.
    """
    layers = [name for name, m in model.named_modules() if isinstance(m, DROPPING) and 0 < m.p < 1]
    if not layers:
        return None

    def function(inputs: Tensor, seed: int) -> Tensor:
        source = torch.Generator().manual_seed(seed)

        def drop(module: nn.Module, given: Any, output: Tensor) -> Tensor:
            kept = 1 - float(module.p)  # type: ignore[arg-type]
            whole = isinstance(module, nn.Dropout)  # the others drop channels
            size = output.shape[1:] if whole else (output.shape[1],) + (1,) * (output.dim() - 2)
            mask = (torch.rand(1, *size, generator=source) < kept) / kept
            return output * mask.to(output.device, output.dtype)

        return pure(model, head, dict.fromkeys(layers, drop))(inputs)

    return function


def vectors(rows: Tensor) -> Tensor:
    """Activations as float32 vectors ``(n, d)``; feature maps are averaged over space."""
    if rows.dim() == 4:
        rows = rows.mean((2, 3))
    return rows.detach().flatten(1).float().cpu() if rows.dim() > 1 else rows[:, None].float().cpu()


def _weighs(module: nn.Module) -> bool:
    return any(p.dim() > 1 for p in module.parameters())


def _is_map(p: Pass) -> bool:
    """Whether the output is ``(n, c, positions ...)`` with more than one of both."""
    return p.output.dim() > 2 and min(p.output.shape[1], p.output.shape[2:].numel()) > 1


def _follower(module: nn.Module) -> bool:
    return type(module).__module__.rpartition(".")[2] in FOLLOWERS


def _activates(module: nn.Module) -> bool:
    return type(module).__module__.endswith(".activation")
