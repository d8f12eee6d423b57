"""Which remedies fit which causes: one table, read by the command, its tests and the docs.

Each is a training method, with the paper that the registry names, or training without columns whose
relation with the target changes (Peters et al. 2016: what predicts alike everywhere is kept). All
take one forward and backward pass a step like plain training, so that what is compared with equal
steps is compared at equal compute. More noise has no remedy: what cannot be predicted is not won
back by training.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from gengap.base.paper import Paper
from gengap.methods.registry import method_info

Cause = Literal["inputs moved", "relation changed", "labels' shares moved", "more noise", "columns"]
WITHOUT = "without"
INVARIANCE = Paper(
    "Causal inference by using invariant prediction: identification and confidence intervals",
    "Peters, Bühlmann, Meinshausen",
    2016,
    "https://arxiv.org/abs/1501.01332",
)


@dataclass(frozen=True)
class Remedy:
    """What may be done about a cause.

    Attributes:
        name: a training method's name, or :data:`WITHOUT` for training without suspect columns.
        cause: what it is for.
    """

    name: str
    cause: Cause

    @property
    def paper(self) -> Paper:
        """Who proposes it."""
        return INVARIANCE if self.name == WITHOUT else method_info(self.name).paper


REMEDIES = (
    Remedy(WITHOUT, "columns"),
    Remedy("coral", "inputs moved"),
    Remedy("mmd", "inputs moved"),
    Remedy("mixup", "inputs moved"),
    Remedy("averaging", "inputs moved"),
    Remedy("vrex", "relation changed"),
    Remedy("irm", "relation changed"),
    Remedy("groupdro", "relation changed"),
    Remedy("balanced", "labels' shares moved"),
)


def fitting(causes: Collection[str]) -> list[Remedy]:
    """The remedies of some causes, each once, in the order of the table."""
    found: dict[str, Remedy] = {}
    for remedy in REMEDIES:
        if remedy.cause in causes:
            found.setdefault(remedy.name, remedy)
    return list(found.values())
