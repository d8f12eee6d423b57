"""ColD fusion: fine-tune apart, average, and hand the average out as the next base.

    θ_{r+1} = merge of { fine-tuned by contributor k from θ_r },        r = 0, 1, ...

Each contributor keeps its data and sends weights alone. One round is fusing; several give a base
that has learned from all tasks, comparable to training on all of them together, and a better start
on tasks that none had. With contributors that each go a share of the way to their own optimum it
converges to the mean of the optima. A merge such as WiSE-FT shortens the step of a round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

from gengap.merges.base import Merge
from gengap.merges.linear.average import Average
from gengap.merges.merging import Model, merge_models


def cold_fusion(
    base: Model,
    contribute: Callable[[Model, int], Sequence[Model]],
    rounds: int,
    merge: Merge | None = None,
) -> Iterator[dict[str, Tensor]]:
    """The base after each round.

    Args:
        base: to begin with.
        contribute: given the base and the number of the round, the contributors' fine-tunings.
        rounds: how many.
        merge: of the contributions, with the round's base; the plain mean when not given.
    """
    for number in range(rounds):
        made = merge_models(merge or Average(), contribute(base, number), base, seed=number)
        yield made
        base = made
