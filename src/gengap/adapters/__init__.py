"""Test-time adapters, one file each; a file added here is found by the registry.

    adapter = gg.adapters.Tent(model)
    logits = adapter.predict(batch)

Every registered adapter is a name here, and so are ``Adapter`` and ``Source`` of
:mod:`gengap.adapters.base`.
"""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if not name[:1].isupper() or name not in _named():
        raise AttributeError(f"module 'gengap.adapters' has no attribute {name!r}")
    return _named()[name]


def __dir__() -> list[str]:
    return sorted(_named())


def _named() -> dict[str, type]:
    """Classes by name; torch is imported when the first is asked for."""
    base = importlib.import_module("gengap.adapters.base")
    registry = importlib.import_module("gengap.adapters.registry")
    found = {info.adapter.__name__: info.adapter for info in registry.adapters().values()}
    return {"Adapter": base.Adapter, "Source": base.Source} | found
