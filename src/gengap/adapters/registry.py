"""One record per test-time adapter, stating its paper, its needs and its cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from gengap.adapters.base import Adapter
from gengap.adapters.tools.normalisation import has_batch_normalisation, has_normalisation
from gengap.adapters.tools.softmax import class_rows
from gengap.base.paper import Paper
from gengap.base.registry import Registry
from gengap.models.as_module import Whole

# What adapters may need and a model or a study may lack.
NORMALISATION = "normalisation layers"
BATCH_NORMALISATION = "batch normalisation"
SOURCE = "training examples"
HEAD = "a linear last layer"
HEADS = "heads of environments"
HIDDEN = "hidden features"
HIDDEN_LINEAR = "a hidden layer that is linear or a convolution"
TABLES = "rows of a table"
NUMERIC_INPUTS = "numeric inputs"
PROMPTED = "numeric inputs or an embedding of tokens"
FEATURES = "features of every answer"


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
        minimum_batch: fewest examples that it adapts on, of models with batch normalisation.
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

    def fewest(self, model: nn.Module) -> int:
        """Examples that it needs at a time; where nothing normalises by a batch, one."""
        return self.minimum_batch if has_batch_normalisation(model) else 1

    def why_not(
        self, task: str, model: nn.Module, has_source: bool, example: Tensor | None = None
    ) -> str | None:
        """Say in a sentence why the adapter cannot apply, or return None when it can.

        Args:
            task: what the model is trained to say: classes or values.
            model: the trained module.
            has_source: whether training examples are at hand.
            example: ``(n, *shape)``, inputs of the form that will come, where known.

        A network whose method has a head of its own answers as a whole and shows no layers.
        """
        if task not in self.tasks:
            fitting = " and ".join(self.tasks)
            return f"{self.name} applies to {fitting} only; the target is a {task}."
        modules = list(model.modules())
        embeds = any(isinstance(m, nn.Embedding) for m in modules)
        numeric = example is None or example.is_floating_point()
        shape = () if example is None else tuple(example.shape[1:])
        several = callable(getattr(model, "each_head", None))
        lacks = {
            NORMALISATION: not has_normalisation(model),
            BATCH_NORMALISATION: not has_batch_normalisation(model),
            HEADS: not several,
            HIDDEN: sum(any(p.dim() > 1 for p in m.parameters(False)) for m in modules) < 2,
            HIDDEN_LINEAR: len(linear_layers(model)) < 2,
            # The layers of a network whose method has a head of its own end in one that is unused.
            HEAD: several
            or isinstance(model, Whole)
            or not any(isinstance(m, nn.Linear) for m in modules),
            NUMERIC_INPUTS: embeds or not numeric,
            PROMPTED: not (embeds or numeric),
        }
        for need in self.needs:
            if need == SOURCE and not has_source:
                return f"{self.name} needs {SOURCE}, which are not at hand."
            if lacks.get(need, False):
                none = "shows none" if isinstance(model, Whole) else "has none"
                return f"{self.name} needs {need}; the model {none}."
            if need == TABLES and example is not None and len(shape) != 1:
                return f"{self.name} needs {TABLES}; an example here has shape {shape}."
            if need == FEATURES and example is not None and not shows_features(model, example):
                return f"{self.name} needs {FEATURES}; the model shows those of whole examples."
        return None


def linear_layers(model: nn.Module) -> list[Any]:
    """Its linear layers and convolutions whose weights are their own, not made of others."""
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    return [m for m in model.modules() if isinstance(m, kinds) and "weight" in m._parameters]


def shows_features(model: nn.Module, example: Tensor) -> bool:
    """Whether every answer to inputs ``(n, *shape)`` has a row of features of its own."""
    bare = model.without_head() if isinstance(model, Whole) else model
    features, logits = Adapter(bare).forward(example)
    return len(features.flatten(0, -2)) == len(class_rows(logits))


_REGISTRY = Registry(AdapterInfo, "adapter", "gengap.adapters", first="batch-statistics")
register_adapter = _REGISTRY.register
adapters = _REGISTRY.all
adapter_info = _REGISTRY.get
