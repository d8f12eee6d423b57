"""The two ways gengap talks about a user's input: an error that stops, a warning that counts."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from numbers import Integral
from typing import Any

from gengap.base.printable import sentence as safe


class UsageError(Exception):
    """Input that cannot be used.

    The message is one sentence that names the culprit (column, file, value) and says what to do;
    what came from outside is made safe to print. The command line exits with code 2.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(safe(message))


class SuspiciousInput(UserWarning):
    """Input that is legal but suspicious; the sentence also appears in the report."""


class Caveat(str):
    """A note that changes what the answer means, and so stands beside it."""


def suggest(wrong: str, known: Iterable[object]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, or an empty string."""
    near = difflib.get_close_matches(wrong, [str(name) for name in known], n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def listing(names: Iterable[object], most: int = 12) -> str:
    """Join names for a sentence, cutting a long list and saying how many are left out."""
    shown = [str(name) for name in names]
    rest = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {rest} more" if rest > 0 else "")


def unknown(
    sentence: str, wrong: object, known: Iterable[object], most: int = 12, none: str = "none"
) -> UsageError:
    """The error for a name that is not known: the nearest that is, and what there is.

    Args:
        sentence: that there is no such thing, without its full stop.
        wrong: the name.
        known: all names, of which ``most`` are told.
        none: what is said where there are no names.
    """
    names = list(known)
    return UsageError(
        f"{sentence}{suggest(str(wrong), names)} (there are: {listing(names, most) or none})."
    )


def first_line(error: BaseException) -> str:
    """The first line of what an error says, without its full stop, or its kind."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def check_whole(least: int = 1, **numbers: Any) -> None:
    """Raise :class:`UsageError` unless each is a whole number of at least ``least``."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise UsageError(f"{name} must be a whole number of at least {least}, not {value!r}.")
