"""Reads delivered models from folders that :mod:`gengap.delivery.saving` wrote, or a stranger.

Nothing in them is executed or unpickled; links are not followed, sizes are bounded, and every part
is checked against what the others say of it before it is used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from gengap.base.errors import UsageError
from gengap.base.paths import typed
from gengap.base.sealed import opened, ordinary_bytes
from gengap.delivery.adapting import Adapting, source_from_bytes
from gengap.delivery.agents import as_play
from gengap.delivery.form import form_of, unit_of
from gengap.delivery.guarding import asked
from gengap.delivery.model import Delivered, delivered
from gengap.delivery.parts import Parts
from gengap.delivery.profile import BINS, Profile
from gengap.delivery.saving import INPUTS, JSON, MOST, NAMED, SOURCE
from gengap.delivery.schema import FORMAT, Description, SavedAdapter
from gengap.delivery.weights import ENDINGS, model_of
from gengap.environments.core import suspect
from gengap.environments.preparation import Preparation
from gengap.guard import Guard
from gengap.guard.storage import JSON as GUARD
from gengap.models.networks import Network
from gengap.records.run import Run
from gengap.records.study import Cell
from gengap.study.trained import Trained
from gengap.training.tables import Prepared, Tables

MOST_WEIGHTS = 4 << 30  # bytes
WRONG = (
    SafetensorError, LookupError, TypeError, ValueError, AttributeError, RuntimeError,
    ArithmeticError, AssertionError, MemoryError,
)  # fmt: skip


def load(
    folder: str | Path, *, key: bytes | None = None, modules: Mapping[str, Any] | None = None
) -> Delivered:
    """Read a delivered model; nothing in its files is executed.

    Args:
        folder: that ``gengap fit`` or :meth:`~gengap.delivery.model.Delivered.save` wrote.
        key: that it must have been signed with; without it signatures are not looked at.
        modules: code of your own that the network may be made by, by the name in the folder:
            ``{"mypackage:Net": Net}``; a module or what makes one, as a study was given it.

    Raises:
        UsageError: a file is missing, cut short, altered or of another version, or what it needs
            is not installed or not in ``modules``.
    """
    folder = typed(folder)
    values = _values(folder, key)
    try:
        said = Description.model_validate_json(json.dumps(values))
    except (ValueError, RecursionError):
        raise _not_whole(folder / JSON) from None
    contents = {name: _content(folder, name, said) for name in said.files}
    try:
        parts = _parts(said, contents, modules)
    except WRONG:
        raise _not_whole(folder) from None
    _warn_of_versions(said)
    try:
        made = delivered(parts)
    except WRONG:
        raise _not_whole(folder / JSON) from None
    if not said.guard:
        return made
    if f"guard/{GUARD}" not in contents:
        raise _not_whole(folder / JSON)
    guard = Guard.load(folder / "guard", asked(made), key=key)
    homes = parts.homes
    if homes is None or len(homes) != len(guard.calibration.scores):
        raise _not_whole(folder)
    return delivered(replace(parts, guard=guard))


def _values(folder: Path, key: bytes | None) -> dict[str, Any]:
    """What ``model.json`` holds, checked as a whole."""
    return opened(
        ordinary_bytes(folder / JSON, MOST, NAMED),
        folder=folder,
        what="model",
        form=FORMAT,
        key=key,
        broken=_not_whole(folder / JSON),
        altered=_altered(folder),
    )


def _content(folder: Path, name: str, said: Description) -> bytes:
    """A file that the description names, if it is as it was."""
    allowed = {INPUTS, SOURCE, f"model.{ENDINGS.get(said.weights, '')}", f"guard/{GUARD}"}
    if name not in allowed:
        raise _not_whole(folder / JSON)
    most = MOST_WEIGHTS if name.startswith("model.") else MOST
    content = ordinary_bytes(folder / name, most, NAMED)
    if hashlib.sha256(content).hexdigest() != said.files[name]:
        raise _altered(folder)
    return content


def _parts(
    said: Description, contents: dict[str, bytes], modules: Mapping[str, Any] | None
) -> Parts:
    """The parts that files describe.

    Raises:
        UsageError: a library or the user's own code is missing, or the weights hold what is not
            trusted.
        ValueError: and many others, where parts do not fit together.
    """
    form = form_of(said)
    if said.agent is not None and said.agent.actions.low is not None:
        form = as_play(form, len(said.agent.actions.low))
    tensors = safetensors.torch.load(contents[INPUTS])
    weights = contents[f"model.{ENDINGS[said.weights]}"]
    homes, profile = tensors.pop("homes", None), _profile(tensors, form)
    run = Run(**said.run.model_dump())
    names = said.run.train_environments
    none = np.zeros(0, bool)
    cell = Cell("reference", run.split, none, 1.0, len(names), (), names, none)
    rows = np.empty(0, np.int64)
    inputs = _preparation(tensors, form)
    if said.agent is not None:  # nothing that an agent sees is cut
        inputs = replace(inputs, clip=np.inf)
    prepared = Prepared(inputs, unit_of(said, said.shift), unit_of(said, said.scale))
    trained = Trained(run, cell, rows, prepared, model_of(said, form, weights, modules), form)
    if said.adapter is not None:
        trained = _adapting(trained, said.adapter, contents)
    own = None if homes is None else _homes(homes.numpy(), names)
    return Parts(trained, said, weights, homes=own, profile=profile)


def _adapting(trained: Trained, saved: SavedAdapter, contents: dict[str, bytes]) -> Adapting:
    """A network with its adapter, which is made to see that they fit."""
    if not isinstance(trained.model, Network) or saved.source != (SOURCE in contents):
        raise ValueError
    source = source_from_bytes(contents[SOURCE], trained.problem) if saved.source else None
    own = {each.name: getattr(trained, each.name) for each in fields(Trained)}
    made = Adapting(**own, saved=saved, source=source)
    try:
        made.begin()
    except UsageError:
        raise ValueError from None
    return made


def _preparation(tensors: dict[str, torch.Tensor], form: Tables) -> Preparation:
    shift, scale = tensors.pop("shift").numpy(), tensors.pop("scale").numpy()
    texts, none = form.encoded.texts, torch.zeros(0)
    lengths = tensors.pop("lengths", none).numpy()
    counts = {int(name.removeprefix("counts.")): t.numpy() for name, t in tensors.items()}
    levels = {column: len(values) for column, values in counts.items()}
    shape = (form.shape[0], *(1,) * (len(form.shape) - 1))
    if shift.shape != shape or scale.shape != shape or levels != dict(form.encoded.levels):
        raise ValueError
    if lengths.shape != (len(texts),) or not (lengths >= 0).all():
        raise ValueError
    if any(part.dtype != np.float32 for part in (shift, scale, lengths, *counts.values())):
        raise ValueError
    return Preparation(shift, scale, counts, texts, lengths)


def _profile(tensors: dict[str, torch.Tensor], form: Tables) -> Profile | None:
    parts = [tensors.pop(f"profile.{name}", None) for name in ("edges", "counts", "means")]
    edges, counts, means = (None if part is None else part.numpy() for part in parts)
    if edges is None or counts is None or means is None:
        return None
    shape = len(form.names), form.encoded.matrix.shape[1]
    sound = (
        edges.shape == (shape[1], BINS - 1)
        and counts.shape == (*shape, BINS)
        and means.shape == shape
        and (edges.dtype, counts.dtype, means.dtype) == (np.float64, np.int64, np.float64)
        and bool((edges[:, 1:] >= edges[:, :-1]).all())
        and 0 <= counts.min(initial=0) <= counts.max(initial=0) < 2**40
    )
    if not sound:
        raise ValueError
    return Profile(edges, counts, means)


def _homes(homes: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    if homes.ndim != 1 or homes.dtype != np.int64 or (homes < 0).any():
        raise ValueError
    if (homes >= len(names)).any():
        raise ValueError
    return homes


def _warn_of_versions(said: Description) -> None:
    """An estimator of scikit-learn is what its own version makes of it."""
    trained, here = said.versions.get("scikit-learn"), version("scikit-learn")
    if said.weights == "skops" and trained != here:
        suspect(
            [
                f"The model was trained with scikit-learn {trained}, and this is {here}; check its "
                "predictions, or install the version it was trained with."
            ]
        )


def _altered(folder: Path) -> UsageError:
    return UsageError(
        f"The files in {folder} are not as they were saved (the checksum differs); copy all again "
        "or fit the model anew."
    )


def _not_whole(path: Path) -> UsageError:
    return UsageError(f"{path} is not a whole model; copy it again or fit the model anew.")
