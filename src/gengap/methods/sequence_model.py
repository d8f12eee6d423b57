"""What learners share that read the last steps of an episode: a small transformer over tokens.

Each step of a window of ``K`` gives two tokens, what was seen and what was done, and where it is
asked for a third before them, the return that was still to come. The study's network reads each
observation, and its features are made a token by a linear layer; so are one-hots of actions (or
actions that are vectors) and returns. The code of the step's time is added to each
(:func:`~gengap.models.transformer.code_of_time`). The transformer's answer at an observation, which
has seen all tokens up to it and none after, is the action,

    L = mean over the steps of all windows of ℓ(π(o_{t-K+1}, a_{t-K+1}, ..., o_t), a_t),

with ``ℓ`` the cross-entropy or, where actions are vectors, the squared error. A step of training
reads as many windows as hold the batch's number of transitions, so that it costs as many passes of
the study's network as plain cloning.

When it acts, an agent keeps the tokens of the last ``K`` steps, the present one included.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.hyperparameters import hyperparameter
from gengap.methods.base import Memory, Method, as_episodes_begin
from gengap.methods.batch import Batch, Context
from gengap.methods.losses import cross_entropy
from gengap.methods.practice import Windows
from gengap.models.networks import Network, Output, Parameters
from gengap.models.transformer import (
    affine,
    code_of_time,
    dense,
    initial_layers,
    normalised,
    transformer,
)

OWN = "transformer/"


@dataclass(frozen=True)
class SequenceModel(Method):
    """Base of learners that act on a history; the runs of a fleet agree in the model's size."""

    history: int = hyperparameter(8, 8, 8, help="steps that are remembered, the present included")
    width: int = hyperparameter(32, 32, 32, help="numbers in a token")
    layers: int = hyperparameter(1, 1, 1, help="of the transformer")
    heads: int = hyperparameter(2, 2, 2, help="of attention in a layer; divides the width")

    # Tokens of a step before its observation's.
    before = 0

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """Of what makes tokens, of the transformer, and of what reads actions off it.

        Raises:
            UsageError: the sizes are no sizes of a transformer.
        """
        history, width, layers, heads = self._sizes()
        if min(history, width, layers, heads) < 1 or width % heads:
            raise UsageError(
                f"A transformer of width {width} with {heads} heads and {layers} layers over "
                f"{history} steps cannot be: all must be at least 1, and the heads must divide "
                "the width."
            )
        made = {"seen": (context.features, width), "done": (context.outputs, width),
                "said": (width, context.outputs)}  # fmt: skip
        if self.before:
            made["wanted"] = (self.before, width)
        found = initial_layers(layers, width, generator)
        for name, size in made.items():
            found[f"{name}/weight"], found[f"{name}/bias"] = dense(*size, generator)
        found["start/weight"], found["start/bias"] = torch.ones(1, width), torch.zeros(1, width)
        return {OWN + name: value for name, value in found.items()}

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean over all steps of the windows, ``(R,)``."""
        past = batch.windows(self._sizes()[0])
        tokens = self.tokens(network, past, self.wanted(past, state))
        said = self.said(network, tokens, self._asked(past.mask.shape[-1]))
        action = past.action.flatten(1, 2)
        if action.is_floating_point():
            losses = (said - action).square().sum(-1)
        else:
            losses = cross_entropy(said, action)
        mask = past.mask.flatten(1)
        return torch.where(mask, losses.flatten(1), 0.0).sum(1) / mask.sum(1)

    def wanted(self, past: Windows, state: dict[str, Tensor]) -> Tensor | None:
        """Numbers ``(R, E, W, K, before)`` that a step's first token shows."""
        return None

    def tokens(self, network: Network, past: Windows, wanted: Tensor | None) -> Tensor:
        """Tokens of windows, ``(R, E W, K tokens, width)``."""
        action = past.action
        if not action.is_floating_point():
            action = F.one_hot(action, network.parameters[f"{OWN}done/weight"].shape[1]).float()
        shown = [("seen", network(past.x).features), ("done", action)]
        if wanted is not None:
            shown.insert(0, ("wanted", wanted))
        made = torch.stack([self.token(network, n, v, past.time) for n, v in shown], -2)
        return made.flatten(1, 2).flatten(2, 3)

    def token(self, network: Network, kind: str, value: Tensor, time: Tensor) -> Tensor:
        """One kind of token of values ``(R, ..., d)`` at times ``(R, ...)``."""
        own = _own(network)
        made = affine(own, kind, value)
        return normalised(own, "start", made + code_of_time(time, made.shape[-1]))

    def said(self, network: Network, tokens: Tensor, asked: Tensor) -> Tensor:
        """Preferences for actions ``(R, n, Q, A)`` at some tokens."""
        _, _, layers, heads = self._sizes()
        found = transformer(_own(network), tokens, asked, layers=layers, heads=heads)
        return affine(_own(network), "said", found)

    def output(self, network: Network, x: Tensor) -> Output:
        """What is acted on at the beginning of an episode."""
        return as_episodes_begin(self, network, x)

    def memory(self, network: Network, copies: int) -> Memory:
        """No tokens yet, ``(R, copies, K, tokens, width)``, and how many steps were done."""
        history, width, _, _ = self._sizes()
        some = network.parameters[f"{OWN}start/weight"]
        shape = len(some), copies
        return {
            "tokens": some.new_zeros(*shape, history, self.before + 2, width),
            "time": torch.zeros(shape, dtype=torch.int64, device=some.device),
        }

    def recall(self, network: Network, x: Tensor, memory: Memory) -> Output:
        """By the last steps and what is seen now."""
        tokens, time = memory["tokens"], memory["time"]
        place = time.clamp(max=tokens.shape[2] - 1)
        shown = self.shown_before(network, memory) | {"seen": network(x).features}
        for number, (kind, value) in enumerate(shown.items()):
            _put(tokens, place, number, self.token(network, kind, value, time))
        steps = int(place.max()) + 1
        asked = place[..., None] * tokens.shape[3] + self.before
        flat = tokens[:, :, :steps].flatten(2, 3)
        said = self.said(network, flat, asked)[:, :, 0]
        return Output(shown["seen"], said)

    def shown_before(self, network: Network, memory: Memory) -> dict[str, Tensor]:
        """What tokens before the observation show, ``(R, n, d)`` by their kind."""
        return {}

    def remember(self, network: Network, memory: Memory, action: Tensor, reward: Tensor) -> None:
        """Add the action's token, and forget the first step of a window that is full."""
        tokens, time = memory["tokens"], memory["time"]
        last = tokens.shape[2] - 1
        if not action.is_floating_point():
            action = F.one_hot(action, network.parameters[f"{OWN}done/weight"].shape[1]).float()
        done = self.token(network, "done", action, time)
        _put(tokens, time.clamp(max=last), self.before + 1, done)
        full = time >= last
        if bool(full.any()):
            tokens.copy_(torch.where(full[..., None, None, None], tokens.roll(-1, 2), tokens))
        time += 1

    def _sizes(self) -> tuple[int, int, int, int]:
        """History, width, layers and heads, which all runs share."""
        return _one(self.history), _one(self.width), _one(self.layers), _one(self.heads)

    def _asked(self, steps: int) -> Tensor:
        """Positions of the observations' tokens."""
        return torch.arange(steps) * (self.before + 2) + self.before


def _one(value: Tensor | int) -> int:
    return int(torch.as_tensor(value).flatten()[0])


def _own(network: Network) -> Parameters:
    return {k[len(OWN) :]: v for k, v in network.parameters.items() if k.startswith(OWN)}


def _put(tokens: Tensor, place: Tensor, number: int, value: Tensor) -> None:
    """Write tokens ``(R, n, width)`` at each copy's own step ``(R, n)``, in place."""
    index = place[..., None, None].expand(*place.shape, 1, tokens.shape[-1])
    tokens[:, :, :, number].scatter_(2, index, value[:, :, None])
