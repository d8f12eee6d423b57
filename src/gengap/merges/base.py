"""What every merge is: hyperparameters, and one tensor made of the same tensor of several models.

A merge sees one tensor of all models at a time, so that models of any size merge in the memory of
a few tensors. What concerns whole models is asked before: :meth:`Merge.weights` chooses a number
for each, from validation scores or from where a checkpoint lies in its run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.hyperparameters import Hyperparameters
from gengap.base.seeds import derive


@dataclass(frozen=True)
class Choice:
    """What the weights of models are chosen by.

    Attributes:
        number: of models, ``K``.
        preferences: what the caller wants each model to count, summing to 1; None for alike.
        steps: of a trajectory's checkpoints; None where it is not one or they are equally spaced.
        based: whether there is a base.
        score: of the merge with the given weights, on validation examples; larger is better.
    """

    number: int
    preferences: tuple[float, ...] | None = None
    steps: tuple[int, ...] | None = None
    based: bool = False
    score: Callable[[Sequence[float]], float] | None = None

    @property
    def alike(self) -> tuple[float, ...]:
        """The preferences, or ``1/K`` each."""
        return self.preferences or (1 / self.number,) * self.number

    def scored(self, weights: Sequence[float]) -> float:
        """The score of a merge.

        Raises:
            UsageError: nothing scores, or a score is not a number.
        """
        if self.score is None:
            raise UsageError("This merge chooses by validation scores; give score, a function.")
        value = float(self.score(weights))
        if value != value:
            raise UsageError("The score of a merge is not a number; check the scoring function.")
        return value


@dataclass(frozen=True)
class Place:
    """Where a tensor is, and what a merge may know beside the tensors.

    Attributes:
        name: of the tensor.
        depth: of its layer, 0 for the first and 1 for the last.
        seed: of what is drawn.
        weights: one per model, from :meth:`Merge.weights`.
        importance: one tensor per model, of the same shape; None where none was given.
        found: what :meth:`Merge.look` found on all tensors.
    """

    name: str
    depth: float
    seed: int
    weights: tuple[float, ...]
    importance: Sequence[Tensor] | None = None
    found: object = None

    @cached_property
    def generator(self) -> torch.Generator:
        """Depends on the seed and the name, not on the order in which tensors are merged."""
        return torch.Generator().manual_seed(derive(self.seed, "merge", self.name))


# One tensor of all models, the base's where there is one, and where it is.
Visit = tuple[Sequence[Tensor], Tensor | None, Place]


@dataclass(frozen=True)
class Merge(Hyperparameters):
    """Base of all merges; subclasses give :meth:`tensor`.

    Attributes:
        piecewise: whether parts of a tensor may be merged apart, with the same outcome.
        looks: whether :meth:`look` must see all tensors before the first is merged.
        preferable: whether it heeds what the caller wants each model to count.
    """

    piecewise: ClassVar[bool] = False
    looks: ClassVar[bool] = False
    preferable: ClassVar[bool] = True

    def weights(self, choice: Choice) -> Sequence[float]:
        """A number for each model; alike, or as preferred, unless a subclass chooses."""
        return choice.alike

    def look(self, visits: Iterable[Visit], count: int) -> object:
        """What is to be known of all tensors together, ``count`` numbers; only if ``looks``.

        A visit's tensors are good until the next: what is kept of them is copied.
        """
        return None

    def tensor(self, given: Sequence[Tensor], base: Tensor | None, at: Place) -> Tensor:
        """One tensor of the merged model.

        Args:
            given: the tensor of each model, float32 or float64, of one shape; not to be changed.
            base: the tensor of what the models were fine-tuned from, where it was given.
            at: name, depth, weights and whatever else is known.

        Returns:
            A new tensor of the same shape.
        """
        raise NotImplementedError
