"""Steps at which runs are scored: each third of the training, or what the user asks for."""

from __future__ import annotations

import numpy as np

from gengap.base.errors import UsageError

FORMS = "log:20, linear:10 or steps such as 50,100,300"


def checkpoints_of(wanted: str | None, steps: int) -> list[int]:
    """Ascending steps, the last step of the training always among them.

    Args:
        wanted: ``"log:20"`` for 20 steps, evenly spaced in their logarithm; ``"linear:10"``;
            ``"50,100,300"`` for these; None for each third of the training.
        steps: length of the training.

    Raises:
        UsageError: another form, or steps beyond the training.
    """
    if wanted is None:
        return sorted({max(1, round(steps * k / 3)) for k in (1, 2, 3)})
    wanted = str(wanted)  # in Python a number is as good
    kind, colon, number = wanted.replace(" ", "").partition(":")
    if colon and kind in ("log", "linear") and number.isdigit() and 0 < int(number) <= steps:
        spaced = np.geomspace if kind == "log" else np.linspace
        first = 1 if kind == "log" else steps / int(number)
        return sorted({*(int(s) for s in np.round(spaced(first, steps, int(number)))), steps})
    named = [part for part in wanted.split(",") if part.strip()]
    if not colon and named and all(part.strip().isdigit() for part in named):
        found = sorted({int(part) for part in named})
        if found[0] >= 1 and found[-1] <= steps:
            return sorted({*found, steps})
    raise UsageError(
        f"The checkpoints {wanted!r} cannot be read for a training of {steps} steps; write {FORMS}."
    )
