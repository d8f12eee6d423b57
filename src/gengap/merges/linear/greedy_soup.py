"""Greedy soup: models join the average as long as it does no worse for it.

Models are tried from the best to the worst on validation examples, and one enters when

    score(mean of those within and it) >= score(mean of those within).

The soup is never worse on the validation examples than the best model, which a uniform soup with a
bad ingredient can be. It costs ``2 K - 1`` scorings. With few validation examples it chooses by
noise, and with those of training environments alone it may leave out what would have helped where
none has been.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from gengap.base.paper import Paper
from gengap.merges.base import Choice
from gengap.merges.linear.combination import Combination
from gengap.merges.registry import SCORES, register_merge


@register_merge(
    "greedy-soup",
    summary="mean of the models that do not lower the mean's validation score",
    paper=Paper(
        "Model soups: averaging weights of multiple fine-tuned models improves accuracy without "
        "increasing inference time",
        "Wortsman, Ilharco, Gadre, Roelofs, Gontijo-Lopes, Morcos, Namkoong, Farhadi, Carmon, "
        "Kornblith, Schmidt",
        2022,
        "https://arxiv.org/abs/2203.05482",
    ),
    needs=(SCORES,),
)
@dataclass(frozen=True)
class GreedySoup(Combination):
    """Mean of a subset, chosen greedily."""

    piecewise: ClassVar[bool] = True
    preferable: ClassVar[bool] = False

    def weights(self, choice: Choice) -> Sequence[float]:
        """Alike for those within, 0 for the others."""
        alone = [choice.scored(_mean([k], choice.number)) for k in range(choice.number)]
        order = sorted(range(choice.number), key=lambda k: -alone[k])
        within, best = order[:1], alone[order[0]]
        for model in order[1:]:
            score = choice.scored(_mean([*within, model], choice.number))
            if score >= best:
                within, best = [*within, model], score
        return _mean(within, choice.number)


def _mean(within: Sequence[int], number: int) -> list[float]:
    return [float(k in within) / len(within) for k in range(number)]
