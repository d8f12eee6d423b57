"""Which remedies fit which causes: one table, read by the command, its tests and the docs.

Each is a training method, with the paper that the registry names; or training without columns whose
relation with the target changes (Peters et al. 2016: what predicts alike everywhere is kept); or,
where a line was trained, a network with hidden layers, since inputs that move cost only models that
cannot express the relation (Shimodaira 2000, section 3). All take one forward and backward pass a
step like plain training, so that what is compared with equal steps is compared at equal compute;
the network's passes are the longer ones. More noise has no remedy: what cannot be predicted is not
won back by training.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from gengap.base.paper import Paper
from gengap.methods.registry import method_info

Cause = Literal["inputs moved", "relation changed", "labels' shares moved", "more noise", "columns"]
WITHOUT = "without"
NETWORK = "mlp"  # the model trained in place of a line
INVARIANCE = Paper(
    "Causal inference by using invariant prediction: identification and confidence intervals",
    "Peters, Bühlmann, Meinshausen",
    2016,
    "https://arxiv.org/abs/1501.01332",
)
MISSPECIFIED = Paper(
    "Improving predictive inference under covariate shift by weighting the log-likelihood function",
    "Shimodaira",
    2000,
    "https://doi.org/10.1016/S0378-3758(00)00115-4",
)


@dataclass(frozen=True)
class Remedy:
    """What may be done about a cause.

    Attributes:
        name: a training method's name, :data:`WITHOUT` for training without suspect columns, or
            :data:`NETWORK` for that network in place of a line.
        cause: what it is for.
    """

    name: str
    cause: Cause

    @property
    def paper(self) -> Paper:
        """Who proposes it."""
        return proposed(self.name)


def proposed(name: str) -> Paper:
    """Who proposes a remedy, or the candidate that is made of one."""
    for own, paper in ((WITHOUT, INVARIANCE), (NETWORK, MISSPECIFIED)):
        if name == own or name.startswith(f"{own} "):
            return paper
    return method_info(name).paper


REMEDIES = (
    Remedy(WITHOUT, "columns"),
    Remedy(NETWORK, "inputs moved"),
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
