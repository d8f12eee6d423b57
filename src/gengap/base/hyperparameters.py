"""Hyperparameters: declared once as fields of a dataclass, with a default and a range to search.

The command line, random search, the checks and the docs all read the declarations.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from gengap.base.errors import UsageError, listing, suggest


def hyperparameter(
    default: float,
    low: float,
    high: float,
    *,
    log: bool = False,
    limit: float = math.inf,
    help: str = "",
) -> Any:
    """Declare a dataclass field with its default and the range that random search draws from.

    ``log`` draws uniformly in the logarithm. Integer defaults give integer draws. ``limit`` is the
    largest value that means anything (the smallest is 0), e.g. 1 for a share.
    """
    metadata = {"low": low, "high": high, "log": log, "limit": limit, "help": help}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Hyperparameters:
    """Base of the dataclasses whose fields are all hyperparameters."""

    @classmethod
    def fields(cls) -> dict[str, dataclasses.Field[Any]]:
        """Hyperparameters by name."""
        return {f.name: f for f in dataclasses.fields(cls)}

    @classmethod
    def make(cls, **values: Any) -> Self:
        """Build with checked hyperparameters; unknown names and non-numbers are usage errors."""
        known = cls.fields()
        for name, value in values.items():
            if name not in known:
                raise UsageError(
                    f"{cls.__name__} has no hyperparameter {name!r}{suggest(name, known)} "
                    f"(it has: {listing(known)})."
                )
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not np.isfinite(value) or value < 0:
                raise UsageError(
                    f"The hyperparameter {name} must be a number of at least 0, not {value!r}."
                )
            limit = known[name].metadata["limit"]
            if value > limit:
                raise UsageError(
                    f"The hyperparameter {name} must be a number of at most {limit:g}, "
                    f"not {value!r}."
                )
        return cls(**values)

    @classmethod
    def draw(cls, generator: np.random.Generator, **fixed: float) -> Self:
        """Draw all hyperparameters at random from their ranges, except the fixed ones."""
        drawn: dict[str, float] = {}
        for name, declared in cls.fields().items():
            low, high = declared.metadata["low"], declared.metadata["high"]
            if declared.metadata["log"]:
                value = float(np.exp(generator.uniform(np.log(low), np.log(high))))
            else:
                value = float(generator.uniform(low, high))
            drawn[name] = round(value) if isinstance(declared.default, int) else value
        return cls(**{**drawn, **fixed})
