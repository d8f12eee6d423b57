"""Any torch module as networks of a fleet: its parameters come from outside, stacked over runs.

What else it holds stays in it: parameters that its maker froze, and buffers, such as the statistics
that BatchNorm gathers in training and predicts by. So a further network of a method has buffers of
its own, and a pass that is but a look, at other weights or inputs than those that are trained,
leaves them alone.
"""

from __future__ import annotations

import copy
import hashlib
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from gengap.models.given_modules import OfTwo, called, fitted
from gengap.models.passes import logits_in

Parameters = dict[str, Tensor]

# Held while torch's global generator is drawn from, which threads share.
GLOBAL_GENERATOR = threading.RLock()


class Output(NamedTuple):
    """``features (R, ..., f)``, the input of the last layer, and ``logits (R, ..., c)``.

    Logits are ``(R, ..., L, c)`` where an input has several targets, such as tokens.
    """

    features: Tensor
    logits: Tensor


class Module:
    """Any ``torch.nn.Module``, made by a factory ``factory(shape, outputs)`` or ``factory()``.

    Features are the input of the linear layer that gives the logits, else of the last to run, found
    by running the module. A module with convolutions, recurrent layers, dropout, buffers or frozen
    parameters is trained one run at a time. Parameters that need no gradient stay as they are made,
    unless none needs one.

    Args:
        factory: makes the module.
        name: what records call it.
        checked: whether two examples of zeros pass through a fresh one, to see that it fits and to
            give lazy layers their weights; for examples that are numbers.
    """

    def __init__(
        self, factory: Callable[..., nn.Module], name: str | None = None, checked: bool = False
    ) -> None:
        self.factory = factory
        self._name = name
        self.checked = checked
        self._module: nn.Module | None = None
        self._outputs = 1
        self._gathers = True
        self._first: Parameters = {}
        self._branches: dict[str, Module] = {}
        self.products = torch.float32

    @property
    def name(self) -> str:
        """The given name, or one that changes with the module's structure."""
        if self._name:
            return self._name
        module = self._module or self._make((1,), 1, 0, fit=False)
        structure = hashlib.sha256(str(module).encode()).hexdigest()[:12]
        return f"module:{type(module).__name__}:{structure}"

    @property
    def vectorises(self) -> bool:
        """Whether vmap applies and pays."""
        module = self._module
        if module is None:
            raise RuntimeError("call initialise first: the module's layers decide")
        one_at_a_time = (nn.modules.conv._ConvNd, nn.RNNBase, nn.modules.dropout._DropoutNd)
        alone = any(isinstance(m, one_at_a_time) for m in module.modules())
        return not alone and not self.buffers()

    def initialise(self, shape: Sequence[int], outputs: int, seed: int) -> Parameters:
        """Make a fresh module under the seed and return its parameters.

        Raises:
            UsageError: it cannot be made, or does not fit such examples.
        """
        self._module, self._outputs = self._make(shape, outputs, seed), outputs
        self._first = {name: value.clone() for name, value in self._module.named_buffers()}
        self._branches = {}
        return {name: p.detach().clone() for name, p in trained(self._module)}

    def forward(self, parameters: Parameters, x: Tensor) -> Output:
        """``vmap`` over runs, or a plain call for a single run."""
        low = self.products != torch.float32 and torch.is_grad_enabled()
        if not low:
            return self._together(parameters, x)
        with torch.autocast(x.device.type, self.products, cache_enabled=False):
            output = self._together(parameters, x)
        return Output(output.features.float(), output.logits.float())

    def _together(self, parameters: Parameters, x: Tensor) -> Output:
        if x.shape[0] == 1:
            # Not p[0], whose gradient would be written into zeros of the whole.
            output = self._single({name: p.squeeze(0) for name, p in parameters.items()}, x[0])
            return Output(output.features[None], output.logits[None])
        return torch.func.vmap(self._single)(parameters, x)

    def train(self, mode: bool) -> None:
        """Pass the mode on to the module, and to those of further networks."""
        if self._module is not None:
            self._module.train(mode)
        for made in self._branches.values():
            made.train(mode)

    def to(self, device: str) -> None:
        """Move what the module holds besides parameters."""
        if self._module is not None:
            self._module.to(device)
        for made in self._branches.values():
            made.to(device)

    def still(self) -> Module:
        """The same module, for passes after which its buffers are what they were."""
        made = copy.copy(self)  # which has no module yet
        vars(made).update(vars(self), _gathers=False)
        return made

    def branch(self, name: str) -> Module:
        """The same architecture of a further network, which has buffers of its own."""
        if name not in self._branches:
            self._branches[name] = made = copy.copy(self)
            made._module, made._outputs = copy.deepcopy(self._module), self._outputs
            made._first, made._gathers = self._first, True
        found = self._branches[name]
        return found if self._gathers else found.still()

    def buffers(self) -> list[tuple[str, Tensor]]:
        """What the module holds besides what is trained; of a further network as ``NAME/...``."""
        found: list[tuple[str, Tensor]] = []
        if self._module is not None:
            moving = {name for name, _ in trained(self._module)}
            own = self._module.named_parameters()
            frozen = [(name, p.detach()) for name, p in own if name not in moving]
            found = [*frozen, *self._module.named_buffers()]
        for name, made in self._branches.items():
            found += [(f"{name}/{part}", value) for part, value in made.buffers()]
        return found

    @torch.no_grad()
    def begin_again(self) -> None:
        """Put the buffers back to what they were at first, for weights that are put back."""
        for name, value in [] if self._module is None else self._module.named_buffers():
            value.copy_(self._first[name])
        for made in self._branches.values():
            made.begin_again()

    def _single(self, parameters: Parameters, x: Tensor) -> Output:
        logits, features = self._asked(parameters, (x,))
        features = logits if features is None else features
        per_target = logits.dim() > 2 and logits.shape[-1] == self._outputs
        if not per_target or logits[0].numel() == self._outputs:
            logits = logits.reshape(len(x), -1)
        return Output(features.reshape(len(x), -1), logits)

    def _asked(self, parameters: Parameters, *given: Any) -> tuple[Tensor, Tensor | None]:
        """What the module says at one run's parameters, and what its last linear layer was given.

        That is the one whose output the logits are, or the last to run; None where none runs.
        """
        module = self._module
        assert module is not None
        # A method's own parameters travel with the network's; the module knows only its own.
        own = {name: parameters[name] for name, _ in trained(module)}
        if module.training and not self._gathers:
            own.update({name: value.clone() for name, value in module.named_buffers()})
        seen: list[tuple[Tensor, Tensor]] = []
        hooks = [
            m.register_forward_hook(lambda _, given, output: seen.append((given[0], output)))
            for m in module.modules()
            if isinstance(m, nn.Linear)
        ]
        try:
            logits = logits_in(torch.func.functional_call(module, own, *given))
        finally:
            for hook in hooks:
                hook.remove()
        last = [entered for entered, left in seen if left is logits] or [e for e, _ in seen]
        return logits, last[-1] if last else None

    def _make(self, shape: Sequence[int], outputs: int, seed: int, fit: bool = True) -> nn.Module:
        # Modules draw their initial weights from torch's global generator; it is put back.
        with GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = called(self.factory, shape, outputs)
            return self._fitted(module, shape, outputs) if fit else module

    def _fitted(self, module: nn.Module, shape: Sequence[int], outputs: int) -> nn.Module:
        return fitted(module, shape, outputs) if self.checked else module

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_module": None, "_outputs": 1, "_first": {}, "_branches": {}}

    def __deepcopy__(self, memo: dict[int, Any]) -> Module:
        """A copy that evaluates at once; what is pickled waits for a fresh module."""
        made = copy.copy(self)
        made._module, made._outputs = copy.deepcopy(self._module, memo), self._outputs
        made._first = self._first
        made._branches = copy.deepcopy(self._branches, memo)
        return made


def trained(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The parameters that need a gradient, by name; all where none does."""
    every = list(module.named_parameters())
    return [(name, p) for name, p in every if p.requires_grad] or every


def ends_linearly(
    made: Module, shape: Sequence[int], outputs: int, dtype: torch.dtype = torch.float32
) -> bool:
    """Whether a linear layer gives the logits of a module; of two classes perhaps the second's.

    Such a layer's gradients are products of the features and of slopes for the logits. Examples are
    of ``dtype``.
    """
    probe = copy.copy(made)  # which has no module yet
    probe.initialise(shape, outputs, 0)
    module = probe._module
    assert module is not None
    seen: list[Tensor] = []
    for layer in module.eval().modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_hook(lambda _, given, output: seen.append(output.flatten(1)))
    with torch.no_grad():
        x = torch.linspace(0, 1, 2 * math.prod(shape)).view(2, *shape)
        logits = logits_in(module(x.to(dtype))).flatten(1)
    if isinstance(module, OfTwo):
        logits = logits[:, 1:]
    return any(torch.equal(output, logits) for output in seen)
