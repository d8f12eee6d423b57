"""What a user names as ``module:name``: their own simulator, policy or network, imported for them.

A module is looked for in the current directory first, or in a folder that is written before it:
``mypackage:make``, ``levels.py:make``, ``/home/me/work/levels.py:make``.

Who names decides what may be named. What only a command names (``--model``, ``--model-code``) may
be any code that is installed, and a part of it, as in ``package.nets:Net.small``. What study files
and records name too (``--simulator``, ``--expert``) must be of a file of the user's own, for the
file that names it may be a stranger's.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gengap.base.errors import UsageError, suggest
from gengap.base.paths import typed


def named_object(text: str, *, installed: bool = False) -> Any:
    """Import what is named.

    Args:
        text: the name.
        installed: whether it may be code of Python or of an installed package.

    Raises:
        UsageError: it names nothing, there is no such module or name, importing it fails, or it is
            code that may not be named.
    """
    folder, module, name = _parts(text)
    home = os.path.abspath(typed(folder) if folder else Path.cwd())
    if home not in sys.path:
        # It stays: modules import others later, and processes that are started get the path.
        sys.path.insert(0, home)
        importlib.invalidate_caches()
    if not installed:
        _refuse_installed(module, text)
    try:
        with told(f"Importing {module}"):
            found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            raise UsageError(
                f"There is no module {module} in {home}; run the command in its folder, or write "
                f"the folder before it: path/to/{module}:{name}."
            ) from None
        raise UsageError(
            f"Importing {module} needs {error.name}, which is not installed; install it."
        ) from None
    file = getattr(found, "__file__", None)
    if folder and file and not Path(file).resolve().is_relative_to(Path(home).resolve()):
        raise UsageError(f"{module} is {file} already, and not in {home}; rename one of them.")
    first, *within = name.split(".") if installed else (name,)
    if first not in vars(found):
        known = [own for own in vars(found) if not own.startswith("_")]
        raise UsageError(f"{module} has no {name}{suggest(first, known) or '; check the name.'}")
    found = vars(found)[first]
    if not installed:  # not of what else it imports, neither
        _refuse_installed(str(getattr(found, "__module__", module)), text)
    for part in within:
        if not hasattr(found, part):
            raise UsageError(f"{module} has no {name}; check the name.")
        found = getattr(found, part)
    return found


def _refuse_installed(module: str, text: str) -> None:
    """Raise :class:`UsageError` unless a module is the user's own.

    Study files and records name code and what it is called with. Those of a stranger could
    otherwise run whatever Python brings along, such as its functions that start programs.
    """
    top = module.partition(".")[0]
    loaded = sys.modules.get(top)
    spec = getattr(loaded, "__spec__", None) if loaded else importlib.util.find_spec(top)
    if spec is None:
        return  # importing it says what is missing
    at = Path(spec.origin or "built-in").resolve()
    homes = [Path(sysconfig.get_path(key)).resolve() for key in ("stdlib", "purelib", "platlib")]
    # Packages also lie where pip was told to put them, beside what it notes of them.
    folder = at.parent.parent if spec.submodule_search_locations else at.parent
    noted = next(folder.glob("*.dist-info"), None) is not None
    if not spec.has_location or noted or any(at.is_relative_to(home) for home in homes):
        raise UsageError(
            f"{text} is code of Python or of an installed package, which is not imported by name; "
            "name a function in a file of your own, which may call it."
        )


def from_anywhere(text: str, beside: Path | None = None) -> str:
    """The name with the folder that its module is in now; of an installed one as it is.

    Args:
        text: the name.
        beside: the folder that it is written in; the current one if not given.
    """
    folder, module, name = _parts(text)
    beside = Path.cwd() if beside is None else beside
    home = beside / typed(folder) if folder else beside
    top = home / module.partition(".")[0]
    if folder or top.is_dir() or top.with_suffix(".py").exists():
        return f"{os.path.abspath(home)}/{module}:{name}"
    return text


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Where somebody else's code fails, say so in a sentence with the line; their imports aside.

    Raises:
        UsageError: the block failed.
    """
    try:
        yield
    except (UsageError, ModuleNotFoundError):
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        said = str(error) or "without a word"
        raise UsageError(
            f"{doing} failed with {type(error).__name__}: {said.rstrip('.')} (line {last.lineno} "
            f"of {last.filename}); mend it."
        ) from error


def _parts(text: str) -> tuple[str, str, str]:
    """Folder or nothing, module, name."""
    place, _, name = text.rpartition(":")
    folder, slash, module = place.rpartition("/")
    module = module.removesuffix(".py")
    if not module or not name:
        raise UsageError(
            f"{text!r} names nothing to import; write package:name, or path/to/file.py:name."
        )
    return (folder or "/") if slash else "", module, name
