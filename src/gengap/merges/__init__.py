"""Weight space: one model made of several that were trained, with nothing trained further.

Every merge of the registry is a function here, on dicts of tensors such as ``state_dict()`` gives:

    >>> import torch, gengap as gg
    >>> run = [{"weight": torch.tensor([value])} for value in (1.0, 2.0, 3.0, 4.0)]
    >>> gg.merges.swa(run)
    {'weight': tensor([2.5000])}

Merges of models take what they were fine-tuned from as ``base``; those of a trajectory take the
checkpoints of one run, in order. :func:`~gengap.merges.merging.merge_models` says what else may be
given.
"""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'gengap.merges' has no attribute {name!r}")
    return importlib.import_module("gengap.merges.functions").function(name)


def __dir__() -> list[str]:
    return sorted(importlib.import_module("gengap.merges.functions").names())
