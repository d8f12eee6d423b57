"""One record per merge, stating its paper, what it merges and what it needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gengap.base.paper import Paper
from gengap.base.registry import Registry
from gengap.merges.base import Merge

# What merges may need beside the models.
BASE = "a base model"
SCORES = "validation scores"
IMPORTANCE = "importance of weights"
PERCEPTRON = "a perceptron"
# What they merge.
MODELS, TRAJECTORY = "models", "trajectory"


@dataclass(frozen=True)
class MergeInfo:
    """What the registry knows about a merge.

    Attributes:
        merge: the dataclass of hyperparameters that implements it.
        name: what the user types.
        summary: one line that says what the merge does.
        paper: the source.
        of: ``"models"`` that were trained apart, or a ``"trajectory"``: checkpoints of one run.
        needs: what it needs beside the models, or of them, in words.
        minimum_models: fewest that it can merge.
    """

    merge: type[Merge]
    name: str
    summary: str
    paper: Paper
    of: str = MODELS
    needs: tuple[str, ...] = ()
    minimum_models: int = 1

    @property
    def merges(self) -> str:
        """What it merges, in words."""
        return {MODELS: "models trained apart", TRAJECTORY: "checkpoints of one run"}[self.of]

    def why_not(self, of: str, has: frozenset[str] | set[str] = frozenset()) -> str | None:
        """Say in a sentence why the merge cannot apply, or return None when it can.

        Args:
            of: what there is to merge, ``"models"`` or a ``"trajectory"``.
            has: needs that can be met.
        """
        if of != self.of:
            here = replace(self, of=of).merges
            return f"{self.name} merges {self.merges}; here there are {here}."
        missing = [need for need in self.needs if need not in has]
        return f"{self.name} needs {missing[0]}, which there is not here." if missing else None


_REGISTRY = Registry(
    MergeInfo,
    "merge",
    ("gengap.merges.linear", "gengap.merges.entrywise", "gengap.merges.structured"),
    first="average",
)
register_merge = _REGISTRY.register
merges = _REGISTRY.all
merge_info = _REGISTRY.get
