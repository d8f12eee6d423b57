"""One record per test-time adapter, stating its paper, its needs and its cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from gengap.adapters.base import Adapter
from gengap.adapters.tools.normalisation import has_batch_normalisation, has_normalisation
from gengap.base.paper import Paper
from gengap.base.registry import Registry

# What adapters may need and a model or a study may lack.
NORMALISATION = "normalisation layers"
BATCH_NORMALISATION = "batch normalisation"
SOURCE = "training examples"
HEAD = "a linear last layer"
HEADS = "heads of environments"
HIDDEN = "hidden features"
TABLES = "rows of a table"
NUMERIC_INPUTS = "numeric inputs"


@dataclass(frozen=True)
class AdapterInfo:
    """What the registry knows about an adapter.

    Attributes:
        adapter: the class.
        name: what the user types.
        summary: one line that says what it does.
        paper: the source.
        tasks: the kinds of problem it applies to.
        needs: what it needs of the model or beside it, in words.
        forwards, backwards: passes through the network per example answered, at default settings;
            a plain model's are 1 and 0.
        at_most: whether these are bounds, because an adapter looks at some examples only.
        minimum_batch: fewest examples that it adapts on; of models with batch normalisation, for
            adapters that take the statistics of a batch.
    """

    adapter: type[Adapter]
    name: str
    summary: str
    paper: Paper
    tasks: tuple[str, ...] = ("classification",)
    needs: tuple[str, ...] = ()
    forwards: float = 1.0
    backwards: float = 0.0
    at_most: bool = False
    minimum_batch: int = 1

    @property
    def cost(self) -> str:
        """Its passes, in words."""
        most = "at most " if self.at_most else ""
        forwards = f"{self.forwards:g} forward pass{'es' * (self.forwards != 1)}"
        backwards = f" and {self.backwards:g} backward" if self.backwards else ""
        return f"{most}{forwards}{backwards} an example"

    def why_not(
        self, task: str, model: nn.Module, has_source: bool, shape: Sequence[int] | None = None
    ) -> str | None:
        """Say in a sentence why the adapter cannot apply, or return None when it can.

        Args:
            task: what the model is trained to say: classes or values.
            model: the trained module.
            has_source: whether training examples are at hand.
            shape: of an example, where known.
        """
        if task not in self.tasks:
            fitting = " and ".join(self.tasks)
            return f"{self.name} applies to {fitting} only; the target is a {task}."
        modules = list(model.modules())
        several = callable(getattr(model, "each_head", None))
        lacks = {
            NORMALISATION: not has_normalisation(model),
            BATCH_NORMALISATION: not has_batch_normalisation(model),
            HEADS: not several,
            HIDDEN: sum(any(p.dim() > 1 for p in m.parameters(False)) for m in modules) < 2,
            HEAD: several or not any(isinstance(m, nn.Linear) for m in modules),
            NUMERIC_INPUTS: any(isinstance(m, nn.Embedding) for m in modules),
        }
        for need in self.needs:
            if need == SOURCE and not has_source:
                return f"{self.name} needs {SOURCE}, which are not at hand."
            if lacks.get(need, False):
                return f"{self.name} needs {need}; the model has none."
            if need == TABLES and shape is not None and len(shape) != 1:
                return f"{self.name} needs {TABLES}; an example here has shape {tuple(shape)}."
        return None


_REGISTRY = Registry(AdapterInfo, "adapter", "gengap.adapters", first="batch-statistics")
register_adapter = _REGISTRY.register
adapters = _REGISTRY.all
adapter_info = _REGISTRY.get
