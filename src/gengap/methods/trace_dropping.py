"""Written steps are dropped at random: all of them, a part, or none, anew each time.

Of every example's steps ``s_1 ... s_k`` before its answer ``a``,

    all are said           with chance 1 - p - w,
    each is left out       by a chance of 0.3, with chance p,
    none is said           with chance w,

and the loss is plain training's on what is left. So a network learns to answer with steps, with
fewer and at once, and takes short cuts where the answer allows it; how much it writes before it
answers is up to itself.

Helps where steps are needed for some questions and not for others, and makes what is written
shorter. Hurts where every step is needed: a network may leave out what it then lacks. The steps
here are tokens that are all alike; where a trace has kinds of steps, the source drops one kind
after another, and it tells the network by a token which way to answer.

Needs targets that begin with steps, and is of use where these are the model's own when it is asked
(score ``answer_match``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Batch, along_runs
from gengap.methods.registry import STEPS, register
from gengap.methods.scheduled import ScheduledTraining
from gengap.models.networks import Network

LEFT_OUT = 0.3  # chance of each step where a part is left out


@register(
    "trace-dropping",
    summary="drops steps written before answers at random in training",
    paper=Paper(
        "Dualformer: controllable fast and slow thinking by learning with randomized reasoning "
        "traces",
        "Su, Sukhbaatar, Rabbat, Tian, Zheng",
        2025,
        "https://arxiv.org/abs/2410.09918",
    ),
    needs=(STEPS,),
)
@dataclass(frozen=True)
class TraceDropping(ScheduledTraining):
    """Plain training on targets that lack steps drawn anew."""

    parts: float = hyperparameter(
        0.5, 0.2, 0.8, limit=1, help="chance that a part of an example's steps is left out"
    )
    whole: float = hyperparameter(
        0.05, 0.0, 0.2, limit=1, help="chance that all of an example's steps are left out"
    )

    def chances(self, drawn: Tensor) -> Tensor:
        """Of each step to be left out, of examples' numbers ``(R, ...)`` from 0 to 1."""
        whole, parts = (along_runs(value, drawn) for value in (self.whole, self.parts))
        part = torch.where(drawn < whole + parts, LEFT_OUT, 0.0)
        return torch.where(drawn < whole, 1.0, part)

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk on what is left."""
        shape, device = batch.y.shape[1:], batch.y.device
        drawn = [(g.random(shape[:2]), g.random(shape)) for g in batch.generators]
        level, noise = (
            torch.from_numpy(np.stack(part).astype(np.float32)).to(device)
            for part in zip(*drawn, strict=True)
        )
        left = batch.with_some_steps(self.chances(level), noise)
        return super().loss(network, left, state)
