"""What a delivered model is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gengap.delivery.profile import Profile
from gengap.delivery.schema import Description
from gengap.guard import Guard
from gengap.study.trained import Trained


@dataclass(frozen=True, eq=False)
class Parts:
    """What a delivered model is made of.

    Attributes:
        trained: the model; its problem is the form of examples, without rows.
        said: all about it that is no weight.
        weights: the model as bytes, in the format that ``said`` names; empty where no format that
            runs no code can hold it, and then ``unsaved`` says why.
        guard: which inputs it should not answer; None without one.
        homes: ``(n,)`` environments of the guard's calibration examples, by number.
        profile: what columns hold in each training environment; None without a guard.
        card: its card, as text by file name.
    """

    trained: Trained
    said: Description
    weights: bytes = b""
    unsaved: str = ""
    guard: Guard | None = None
    homes: np.ndarray | None = None
    profile: Profile | None = None
    card: Mapping[str, str] | None = None
