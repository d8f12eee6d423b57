"""Writes delivered models: a folder that anyone may hand on and nobody need trust.

==================  ==========================================================================
model.json          all about the model (:mod:`gengap.delivery.schema`), and checksums
model.*             its weights: safetensors, skops, or what XGBoost, LightGBM and CatBoost write
inputs.safetensors  how inputs are standardised, and where the guard's calibration rows are from
source.safetensors  training examples, where an adapter needs them
guard/              the guard, as :meth:`gengap.guard.Guard.save` writes it
card.html, card.md  the card; people may edit it, so no checksum covers it
==================  ==========================================================================

With a key the folder is signed (:mod:`gengap.base.sealed`).
"""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from gengap.base.errors import SuspiciousInput, UsageError
from gengap.base.files import json_text, json_values, write_files
from gengap.base.sealed import checksum, ordinary_bytes, signature
from gengap.delivery.adapting import Adapting, source_to_bytes
from gengap.delivery.parts import Parts
from gengap.delivery.weights import ENDINGS
from gengap.guard.storage import JSON as GUARD
from gengap.guard.storage import TENSORS

JSON, INPUTS, SOURCE = "model.json", "inputs.safetensors", "source.safetensors"
MOST = 64 << 20  # bytes of a file beside the weights
NAMED = "name the folder that gengap fit wrote"


def save(parts: Parts, folder: Path, key: bytes | None = None) -> dict[str, Path]:
    """Write a model's files; see :meth:`gengap.delivery.model.Delivered.save`."""
    if not parts.weights:
        raise UsageError(
            f"This model cannot be saved, because {parts.unsaved}; use it in this process, or "
            "train one of another kind."
        )
    contents = {
        f"model.{ENDINGS[parts.said.weights]}": parts.weights,
        INPUTS: safetensors.torch.save(_tensors(parts)),
    }
    if isinstance(parts.trained, Adapting) and parts.trained.source is not None:
        contents[SOURCE] = source_to_bytes(parts.trained.source)
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    if parts.guard is not None:
        with warnings.catch_warnings():  # the card says what a guard keeps
            warnings.simplefilter("ignore", SuspiciousInput)
            parts.guard.save(folder / "guard", key=key)
        guard = ordinary_bytes(folder / "guard" / GUARD, MOST, NAMED)
        files[f"guard/{GUARD}"] = hashlib.sha256(guard).hexdigest()
    values: dict[str, Any] = json_values(
        parts.said.model_copy(update={"files": files}).model_dump()
    )
    values["checksum"] = checksum(values)
    values["signature"] = None if key is None else signature(values, key)
    texts = {name: text.encode() for name, text in (parts.card or {}).items()}
    written = contents | texts | {JSON: json_text(values).encode()}
    paths = {name: folder / name for name in written}
    _clear(folder, set(files) | set(written), parts.guard is None)
    write_files({paths[name]: content for name, content in written.items()})
    return paths


def _clear(folder: Path, wanted: set[str], guard: bool) -> None:
    """Remove what an earlier model left in the folder and this one does not replace.

    Args:
        wanted: names of files that stay.
        guard: whether a guard's files go as well.
    """
    left = {f"model.{ending}" for ending in ENDINGS.values()} | {"model.onnx", SOURCE}
    if guard:
        left |= {f"guard/{GUARD}", f"guard/{TENSORS}"}
    for name in left - wanted:
        with contextlib.suppress(OSError):
            (folder / name).unlink(missing_ok=True)


def _tensors(parts: Parts) -> dict[str, torch.Tensor]:
    inputs = parts.trained.prepared.inputs
    arrays = {"shift": inputs.shift, "scale": inputs.scale}
    if len(inputs.lengths):
        arrays["lengths"] = inputs.lengths
    arrays |= {f"counts.{column}": values for column, values in inputs.counts.items()}
    if parts.homes is not None:
        arrays["homes"] = parts.homes.astype(np.int64)
    if parts.profile is not None:
        arrays |= {f"profile.{name}": values for name, values in vars(parts.profile).items()}
    return {name: torch.from_numpy(np.ascontiguousarray(own)) for name, own in arrays.items()}
