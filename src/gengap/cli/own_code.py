"""Code of the user's own that a command names: it is imported because the user typed its name."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any

from gengap.base.errors import UsageError
from gengap.base.printable import sentence

NAMED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def is_code(name: str | None) -> bool:
    """Whether a name is of code, as ``package.module:Name``."""
    return name is not None and NAMED.fullmatch(name) is not None


def own_network(given: Mapping[str, Any]) -> Any:
    """The network that ``--model mypackage:Net`` names; None where it names one of gengap's.

    Args:
        given: keys that the command line sets; no file is asked, as it may be a stranger's.
    """
    name = given.get("model")
    return imported(str(name)) if is_code(name) else None


def imported(name: str) -> Any:
    """What ``module:Name`` stands for, looked for in the working folder too.

    Raises:
        UsageError: no such name or module, or the module fails when it is imported.
    """
    shown = sentence(name)
    if not is_code(name):
        raise UsageError(f"{shown} names no code; write module:Name, as in mypackage.nets:Net.")
    module, _, attribute = name.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"There is no module {sentence(str(error.name))} to import {shown} from; give the "
            "command in the folder that it is in, or install it."
        ) from error
    except Exception as error:
        said = sentence(f"{type(error).__name__}: {error}")
        raise UsageError(f"{sentence(module)} cannot be imported ({said}); mend it.") from error
    try:
        return reduce(getattr, attribute.split("."), found)
    except AttributeError:
        raise UsageError(f"{sentence(module)} has no {attribute!r}; check the name.") from None
