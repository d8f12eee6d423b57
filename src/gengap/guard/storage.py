"""Saves and loads guards: ``guard.json`` says what, ``guard.safetensors`` holds the tensors.

Both are plain data, checked against a schema (:mod:`gengap.guard.schema`) before anything is made
of them. A checksum over the two shows any change, and a key who made them
(:mod:`gengap.base.sealed`).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from gengap.base.errors import UsageError
from gengap.base.files import json_text, json_values, write_files
from gengap.base.sealed import checksum, opened, ordinary_bytes, signature
from gengap.detectors.registry import detector_info
from gengap.environments.core import suspect
from gengap.guard.calibration import Calibration
from gengap.guard.candidates import name_of, needs
from gengap.guard.fingerprint import fingerprint
from gengap.guard.reach import Reach
from gengap.guard.rows import RowForm
from gengap.guard.schema import (
    FORMAT,
    REACH,
    SCALE,
    NetworkPlan,
    RowPlan,
    Saved,
    check_tensors,
    columns_of,
    probe,
)  # fmt: skip
from gengap.guard.selection import Candidate, Choice
from gengap.models.estimator_outputs import EstimatorReader, Scale
from gengap.models.network_outputs import NetworkReader
from gengap.models.passes import uncompiled
from gengap.models.reading import Reader
from gengap.models.row_outputs import RowReader

if TYPE_CHECKING:
    from gengap.guard.guard import Guard

JSON, TENSORS = "guard.json", "guard.safetensors"
NAMED = "name the folder that a guard was saved in"
UNASKED = {
    "network",
    "tail",
    "maps",
    "dropout",
}  # detectors that read these cannot be tried without the model
MOST = {JSON: 64 << 20, TENSORS: 4 << 30}  # bytes
WRONG = (
    SafetensorError, LookupError, TypeError, ValueError, AttributeError, RuntimeError,
    ArithmeticError, AssertionError, MemoryError,
)  # fmt: skip


def save(guard: Guard, folder: Path, key: bytes | None = None) -> None:
    """Write a guard's two files, whole or not at all.

    Warns where these hold rows that the user gave to a scikit-learn model; see
    :meth:`gengap.guard.Guard.save`.

    Raises:
        UsageError: the detector is not registered, the model was changed since the guard was
            fitted, or the folder cannot be written.
    """
    name = name_of(guard.detector)
    if name is None:
        raise UsageError(
            f"{type(guard.detector).__name__} is not a registered detector and could not be "
            "loaded again; register it with gengap.detectors.registry.register_detector."
        )
    if guard.reader is not None and fingerprint(guard.reader.model) != guard.fingerprint:
        raise UsageError(
            f"The {type(guard.reader.model).__name__} was changed after the guard was fitted to "
            "it; fit the guard again and save that one."
        )
    if guard.keeps_examples and guard.scale is not None:
        other = ("density", "mahalanobis") if guard.logits else ("hbos", "isolation-forest")
        suspect(
            [
                f"The saved guard holds rows of X, since {name} compares with them; choose "
                f"detector={other[0]!r} or {other[1]!r} to keep none."
            ]
        )
    tensors = {f"fitted.{key}": value for key, value in guard.fitted.items()}
    tensors["calibration"] = torch.from_numpy(guard.calibration.scores)
    tensors["largest"] = torch.from_numpy(guard.form.largest)
    tensors["beyond"] = torch.from_numpy(guard.calibration.beyond)
    tensors |= {f"reach.{part}": torch.from_numpy(getattr(guard.reach, part)) for part in REACH}
    if guard.clusters is not None:
        tensors["clusters"] = torch.from_numpy(guard.clusters)
    if guard.scale is not None:
        tensors |= {"scale.mean": guard.scale.mean, "scale.spread": guard.scale.spread}
    data = safetensors.torch.save({k: v.detach().contiguous() for k, v in tensors.items()})
    values: dict[str, Any] = {
        "format": FORMAT,
        "gengap": version("gengap"),
        "detector": name,
        "hyperparameters": dict(guard.detector.hyperparameters),
        "false_alarms": guard.calibration.false_alarms,
        "threshold": guard.threshold,
        "calibration_sizes": list(guard.calibration.sizes),
        "environments": list(guard.calibration.names),
        "choice": asdict(guard.choice),
        "row": {name: getattr(guard.form, name) for name in ("shape", "missing", "numeric")},
        "columns": asdict(guard.reach.columns),
        "impossible": guard.impossible,
        "fitted": [f"fitted.{name}" for name in guard.fitted],
        "scaled": guard.scale is not None,
        "logits": guard.logits,
        "features": guard.width,
        "layers": guard.layers,
        "classes": None if guard.classes is None else guard.classes.tolist(),
        "model": guard.fingerprint,
        "plan": guard.plan,
        "probe": None if UNASKED & set(needs(guard.detector)) else probe(**_probed(guard)),
    }
    values = json_values(values)
    values["checksum"] = checksum(values, data)
    if key is not None:
        values["signature"] = signature(values, key)
    write_files({folder / TENSORS: data, folder / JSON: json_text(values)})


def load(folder: Path, model: Any = None, key: bytes | None = None) -> dict[str, Any]:
    """Read the attributes of a guard from its two files; see :meth:`gengap.guard.Guard.load`."""
    values, data = _read(folder, key)
    try:
        saved = Saved.model_validate_json(json.dumps(values))
        found = _attributes(saved, data)
    except WRONG:
        raise _not_whole(folder / JSON) from None
    return {**found, "reader": _reader(model, saved, folder)}


def _attributes(saved: Saved, data: bytes) -> dict[str, Any]:
    """The attributes of the guard that the files' contents describe, but for the model's reader."""
    kind = detector_info(saved.detector).detector
    detector = kind.make(**saved.hyperparameters)
    whole = {name for name, field in kind.fields().items() if isinstance(field.default, int)}
    if any(isinstance(v, float) for name, v in saved.hyperparameters.items() if name in whole):
        raise ValueError
    tensors = safetensors.torch.load(data)
    check_tensors(saved, tensors)
    columns = columns_of(saved.columns)
    prefix = "fitted."
    table = tuple(_candidate(row.model_dump()) for row in saved.choice.table)
    fitted = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    if saved.probe is not None:
        again = probe(detector, fitted, saved.logits, saved.features, saved.layers)
        were, are = (np.array(scores, float) for scores in (saved.probe, again))
        if not np.allclose(were, are, rtol=1e-3, atol=1e-5, equal_nan=True):
            raise ValueError
    return {
        "detector": detector,
        "fitted": fitted,
        "calibration": Calibration(
            tensors["calibration"].numpy(),
            tensors["beyond"].numpy(),
            saved.calibration_sizes,
            saved.environments,
            saved.false_alarms,
        ),
        "choice": Choice(saved.choice.name, saved.choice.sentence, table, saved.choice.looks),
        "form": RowForm(**saved.row.model_dump(), largest=tensors["largest"].numpy()),
        "reach": Reach(columns, **{name: tensors[f"reach.{name}"].numpy() for name in REACH}),
        "impossible": saved.impossible,
        "scale": Scale(*(tensors[name] for name in SCALE)) if saved.scaled else None,
        "logits": saved.logits,
        "width": saved.features,
        "layers": saved.layers,
        "classes": None if saved.classes is None else np.asarray(saved.classes),
        "fingerprint": saved.model,
        "plan": saved.plan.model_dump(),
        "clusters": tensors["clusters"].numpy() if "clusters" in tensors else None,
    }


def _not_whole(path: Path) -> UsageError:
    return UsageError(f"{path} is not a whole guard file; copy it again or save the guard anew.")


def _read(folder: Path, key: bytes | None) -> tuple[dict[str, Any], bytes]:
    """The checked contents of both files."""
    contents = {name: ordinary_bytes(folder / name, most, NAMED) for name, most in MOST.items()}
    altered = UsageError(
        f"The files in {folder} are not as they were saved (the checksum differs); copy both "
        "again or save the guard anew."
    )
    values = opened(
        contents[JSON],
        contents[TENSORS],
        folder=folder,
        what="guard",
        form=FORMAT,
        key=key,
        broken=_not_whole(folder / JSON),
        altered=altered,
    )
    return values, contents[TENSORS]


def _reader(model: Any, saved: Saved, folder: Path) -> Reader | None:
    if isinstance(saved.plan, RowPlan):
        if model is not None:
            raise UsageError(
                f"The guard in {folder} was made without a model; leave the "
                f"{type(model).__name__} out."
            )
        return RowReader(None if saved.plan.rows is None else columns_of(saved.plan.rows))
    if model is None:
        return None
    if fingerprint(model) != saved.model:
        raise UsageError(
            f"The guard in {folder} was made for another model than this "
            f"{type(model).__name__}; attach that one, or fit a guard for this one."
        )
    network = isinstance(model, torch.nn.Module)
    if network is not isinstance(saved.plan, NetworkPlan):
        raise _not_whole(folder / JSON)
    if isinstance(saved.plan, NetworkPlan):
        own = uncompiled(model)
        names = dict(own.named_modules())
        if any(name not in names for name in (saved.plan.layer, saved.plan.head) if name):
            raise _not_whole(folder / JSON)
        return NetworkReader(own, **saved.plan.model_dump())
    classes = getattr(model, "classes_", None)
    known = None if classes is None or saved.plan.several else np.asarray(classes)
    columns = None if saved.plan.columns is None else columns_of(saved.plan.columns)
    plan = saved.plan
    return EstimatorReader(model, known, plan.linear, plan.by_logits, columns, plan.several)


def _probed(guard: Guard) -> dict[str, Any]:
    return {
        "detector": guard.detector,
        "fitted": guard.fitted,
        "logits": guard.logits,
        "features": guard.width,
        "layers": guard.layers,
    }


def _candidate(row: dict[str, Any]) -> Candidate:
    nan = float("nan")
    return Candidate(
        row["name"],
        note=row["note"],
        **{k: nan if row[k] is None else row[k] for k in ("auroc", "low", "high", "refused")},
    )
