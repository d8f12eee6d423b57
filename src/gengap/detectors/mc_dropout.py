"""Monte-Carlo dropout: do networks that lack some of their units agree?

A network trained with dropout is a crowd of thinned networks with shared weights; averaging their
answers integrates over an approximate posterior of the weights. With ``T`` of them, drawn as in
training, the score is the entropy of the mean answer,

    s(x) = -Σ_c p̄_c log p̄_c,        p̄ = 1/T Σ_t softmax(z_t(x)),

which is what each holds uncertain plus what they do not agree on. The same ``T`` thinned networks
answer every example, so that scores compare and do not depend on batches.

Source: Y. Gal & Z. Ghahramani, Dropout as a Bayesian approximation: representing model uncertainty
in deep learning, ICML 2016, arXiv:1506.02142.

Helps where strangers rest on a few units, without which the answer changes. Hurts by its cost, with
little dropout, whose crowd is of one mind, and far from the data, where all are sure alike. Only
what dropout layers drop counts, not what a network drops by functions or between recurrent layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.base.seeds import derive
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.outputs import EXAMPLES
from gengap.detectors.tools.softmax import class_logits
from gengap.models.outputs import Outputs


@register_detector(
    "mc-dropout",
    summary="networks without some of their units are undecided, or disagree",
    paper=Paper(
        "Dropout as a Bayesian approximation: representing model uncertainty in deep learning",
        "Gal, Ghahramani",
        2016,
        "https://arxiv.org/abs/1506.02142",
    ),
    needs=("inputs", "dropout"),
    cost="as many forward passes as are asked for",
)
@dataclass(frozen=True)
class MCDropout(Detector):
    """Entropy of the mean probabilities of thinned networks, in nats."""

    passes: int = hyperparameter(32, 2, 256, log=True, help="thinned networks")
    seed: int = hyperparameter(0, 0, 0, help="of what they lack")

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Predictive entropy ``(n,)``."""
        network, inputs = outputs.dropout, outputs.inputs
        if network is None or inputs is None:
            raise UsageError(
                "mc-dropout asks the model again without some of its units, so it needs its inputs "
                "and dropout layers; give a torch model with torch.nn.Dropout."
            )
        seeds = [derive(self.seed, "mc-dropout", number) for number in range(int(self.passes))]
        return torch.cat([entropy_of_mean(network, x, seeds) for x in inputs.split(EXAMPLES)])


def entropy_of_mean(
    network: Callable[[Tensor, int], Tensor], inputs: Tensor, seeds: list[int]
) -> Tensor:
    """Entropy ``(n,)`` of the mean probabilities that a network gives under some seeds."""
    drawn = [class_logits(Outputs(network(inputs, seed))) for seed in seeds]
    # Sums of probabilities that differ by many powers of ten keep their digits as logarithms.
    likely = torch.stack([z.nan_to_num().double().log_softmax(1) for z in drawn])
    mean = likely.logsumexp(0) - torch.tensor(len(seeds)).double().log()
    return -(mean.exp() * mean).sum(1).float()
