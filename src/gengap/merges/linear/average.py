"""The uniform soup and what else is a plain mean of models.

    θ = Σ_k w_k θ_k,        w_k = 1/K, or as preferred, summing to 1.

One operation has many names, by where its models come from:

- *soup* (Wortsman et al. 2022, arXiv:2203.05482): fine-tunings of one base with different
  hyperparameters and seeds;
- *ratatouille* (Ramé et al. 2023, arXiv:2212.10445): the base was first fine-tuned on auxiliary
  tasks, one for each model, and each of these was fine-tuned on the target; the weights are more
  diverse, which is what an average gains from;
- *fusing* (Choshen et al. 2022, arXiv:2204.03044): fine-tunings on different tasks, and the mean is
  no final model but a better base to fine-tune from, which :mod:`gengap.merges.repeated` repeats;
- *rewarded soup* (Ramé et al. 2023, arXiv:2306.04488): one fine-tuning for each reward, and the
  weights are preferences between rewards, chosen afterwards;
  :func:`gengap.merges.paths.interpolations` walks through them.

Helps where models lie in one basin of the loss, most under shift. Hurts where the loss climbs
on the way from one to another, which :func:`gengap.merges.paths.loss_path` measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gengap.base.paper import Paper
from gengap.merges.linear.combination import Combination
from gengap.merges.registry import register_merge


@register_merge(
    "average",
    summary="mean of the models' weights: the uniform soup",
    paper=Paper(
        "Model soups: averaging weights of multiple fine-tuned models improves accuracy without "
        "increasing inference time",
        "Wortsman, Ilharco, Gadre, Roelofs, Gontijo-Lopes, Morcos, Namkoong, Farhadi, Carmon, "
        "Kornblith, Schmidt",
        2022,
        "https://arxiv.org/abs/2203.05482",
    ),
)
@register_merge(
    "ratatouille",
    summary="mean of fine-tunings that began at fine-tunings on auxiliary tasks",
    paper=Paper(
        "Model ratatouille: recycling diverse models for out-of-distribution generalization",
        "Ramé, Ahuja, Zhang, Cord, Bottou, Lopez-Paz",
        2023,
        "https://arxiv.org/abs/2212.10445",
    ),
)
@register_merge(
    "fusing",
    summary="mean of fine-tunings on several tasks, to fine-tune from",
    paper=Paper(
        "Fusing finetuned models for better pretraining",
        "Choshen, Venezian, Slonim, Katz",
        2022,
        "https://arxiv.org/abs/2204.03044",
    ),
)
@register_merge(
    "rewarded-soup",
    summary="mean of fine-tunings for one reward each, weighted by preference",
    paper=Paper(
        "Rewarded soups: towards Pareto-optimal alignment by interpolating weights fine-tuned on "
        "diverse rewards",
        "Ramé, Couairon, Shukor, Dancette, Gaya, Soulier, Cord",
        2023,
        "https://arxiv.org/abs/2306.04488",
    ),
)
@dataclass(frozen=True)
class Average(Combination):
    """Mean of the models, weighted where preferences are given."""

    piecewise: ClassVar[bool] = True
