"""Many small transformers as one function: the layers of all runs are batched products.

A layer lets every token look at itself and at those before it, and then works on each token alone,

    h <- h + W_o A(n_1(h)),    A = softmax(Q K' / √d + M) V,    h <- h + W_2 max(W_1 n_2(h), 0),

with normalisations ``n`` to mean 0 and variance 1, ``d`` the width of a head, and ``M`` minus
infinity where a token is later (Vaswani et al. 2017, arXiv:1706.03762, normalised first). Of the
last layer only the tokens that are asked about are worked out, which is a third of them where the
others are actions and returns, and one of them where an agent acts.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.models.layers import linear, standardised
from gengap.models.networks import Parameters

# Hidden units of a layer's second half, as a multiple of the width.
WIDER = 4
# The longest wave of the code of times, in steps.
LONGEST = 10_000


def dense(inputs: int, outputs: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Weight ``(inputs, outputs)`` and bias ``(1, outputs)``, uniform in ``±1/sqrt(inputs)``."""
    bound = 1 / math.sqrt(max(inputs, 1))
    drawn = (2 * torch.rand(inputs + 1, outputs, generator=generator) - 1) * bound
    return drawn[:inputs].clone(), drawn[inputs:].clone()


def initial_layers(layers: int, width: int, generator: torch.Generator) -> Parameters:
    """One run's parameters of a transformer whose tokens are ``width`` numbers."""
    found: Parameters = {}
    sizes = {"query": (width, width), "value": (width, width), "out": (width, width),
             "wide": (width, WIDER * width), "narrow": (WIDER * width, width)}  # fmt: skip
    for layer in range(layers):
        for name, size in sizes.items():
            found |= _named(f"layer{layer}/{name}", *dense(*size, generator))
        # A bias of keys would change nothing: it adds the same to all that a token looks at.
        found[f"layer{layer}/key/weight"], _ = dense(width, width, generator)
        for name in ("before", "between"):
            found |= _named(f"layer{layer}/{name}", torch.ones(1, width), torch.zeros(1, width))
    return found | _named("end", torch.ones(1, width), torch.zeros(1, width))


def transformer(
    parameters: Parameters, tokens: Tensor, asked: Tensor, *, layers: int, heads: int
) -> Tensor:
    """What becomes of some tokens, each having seen those before it, ``(R, n, Q, width)``.

    Args:
        parameters: of :func:`initial_layers`, stacked over runs.
        tokens: ``(R, n, T, width)``, of ``n`` sequences of each run.
        asked: positions ``(Q,)``, or ``(R, n, Q)`` of each sequence's own.
    """
    asked = asked.to(tokens.device)
    every = torch.arange(tokens.shape[2], device=tokens.device)
    for layer in range(layers):
        own = every if layer < layers - 1 else asked
        tokens = _layer(parameters, f"layer{layer}", tokens, own, heads)
    return normalised(parameters, "end", tokens if layers else _at(tokens, asked))


def affine(parameters: Parameters, name: str, x: Tensor) -> Tensor:
    """A linear layer of every run on ``x (R, ..., inputs)``."""
    return linear(x, parameters[f"{name}/weight"], parameters[f"{name}/bias"])


def normalised(parameters: Parameters, name: str, x: Tensor) -> Tensor:
    """``x (R, ..., width)`` with mean 0 and variance 1 along the last axis, scaled by the run."""
    return standardised(x, parameters[f"{name}/weight"], parameters[f"{name}/bias"])


def code_of_time(time: Tensor, width: int) -> Tensor:
    """Waves of geometrically growing length at times ``(...)``, as ``(..., width)``.

    They tell any two times apart, and none is too late for them.
    """
    half = torch.arange(0, width, 2, device=time.device)
    phase = time[..., None] * torch.exp(-math.log(LONGEST) / width * half)
    return torch.stack([phase.sin(), phase.cos()], -1).flatten(-2)[..., :width]


def _layer(p: Parameters, name: str, tokens: Tensor, asked: Tensor, heads: int) -> Tensor:
    """One layer at the positions that are asked about."""
    prepared = normalised(p, f"{name}/before", tokens)
    query = affine(p, f"{name}/query", _at(prepared, asked))
    key = torch.bmm(prepared.flatten(1, 2), p[f"{name}/key/weight"]).view(prepared.shape)
    value = affine(p, f"{name}/value", prepared)
    later = torch.arange(tokens.shape[2], device=tokens.device)
    allowed = later <= asked[..., None]  # (Q, T), or (R, n, Q, T) of each sequence's own
    if allowed.dim() > 2:
        allowed = allowed.flatten(0, 1)[:, None]
    query, key, value = (_in_heads(part, heads) for part in (query, key, value))
    seen = F.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
    tokens = _at(tokens, asked)
    seen = seen.transpose(1, 2).reshape(tokens.shape)
    tokens = tokens + affine(p, f"{name}/out", seen)
    hidden = affine(p, f"{name}/wide", normalised(p, f"{name}/between", tokens)).relu()
    return tokens + affine(p, f"{name}/narrow", hidden)


def _at(tokens: Tensor, asked: Tensor) -> Tensor:
    """The tokens ``(R, n, Q, width)`` at some positions, as in :func:`transformer`."""
    if asked.dim() == 1:
        whole = len(asked) == tokens.shape[2]
        return tokens if whole else tokens.index_select(2, asked)
    return tokens.gather(2, asked[..., None].expand(*asked.shape, tokens.shape[-1]))


def _in_heads(x: Tensor, heads: int) -> Tensor:
    """``(R, n, T, width)`` as ``(R n, heads, T, width / heads)``."""
    return x.flatten(0, 1).unflatten(-1, (heads, -1)).transpose(1, 2)


def _named(name: str, weight: Tensor, bias: Tensor) -> Parameters:
    return {f"{name}/weight": weight, f"{name}/bias": bias}
