"""Test-time adapters, one file each; a file added here is found by the registry.

adapter = gg.adapters.Tent(model)
logits = adapter.predict(batch)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gengap.adapters.base import Adapter, Source
    from gengap.adapters.batch_statistics import BatchStatistics
    from gengap.adapters.tent import Tent

# Loaded on first use, as torch takes seconds to import.
_HOMES = {
    "Adapter": "base",
    "BatchStatistics": "batch_statistics",
    "Source": "base",
    "Tent": "tent",
}
__all__ = ["Adapter", "BatchStatistics", "Source", "Tent"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gengap.adapters' has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
