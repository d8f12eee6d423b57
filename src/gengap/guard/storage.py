"""Saves and loads guards: ``guard.json`` says what, ``guard.safetensors`` holds the tensors.

Both are plain data. A checksum over the two shows any change, be it a broken disk or a pair of
files from different guards; it is no signature and does not stop someone who recomputes it.
"""

from __future__ import annotations

import hashlib
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
from gengap.detectors.registry import detector_info
from gengap.environments.core import suspect
from gengap.guard.calibration import Calibration, rank
from gengap.guard.candidates import name_of
from gengap.guard.fingerprint import fingerprint
from gengap.guard.rows import RowForm
from gengap.guard.selection import Candidate, Choice
from gengap.models.estimator_outputs import EstimatorReader, Scale
from gengap.models.network_outputs import NetworkReader
from gengap.models.passes import uncompiled
from gengap.models.reading import Reader

if TYPE_CHECKING:
    from gengap.guard.guard import Guard

FORMAT = 1
JSON, TENSORS = "guard.json", "guard.safetensors"
PLANS = ({"linear", "by_logits"}, {"layer", "side", "head"})
SCALE = ("mean", "spread")
WRONG = (SafetensorError, KeyError, TypeError, ValueError, AttributeError, RuntimeError)


def save(guard: Guard, folder: Path) -> None:
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
        suspect(
            [
                f"The saved guard holds rows of X, since {name} compares with them; choose "
                "detector='density' or 'mahalanobis' to keep none."
            ]
        )
    tensors = {f"fitted.{key}": value for key, value in guard.fitted.items()}
    tensors["calibration"] = torch.from_numpy(guard.calibration.scores)
    tensors["largest"] = torch.from_numpy(guard.form.largest)
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
        "fitted": [f"fitted.{key}" for key in guard.fitted],
        "scaled": guard.scale is not None,
        "features": guard.width,
        "classes": None if guard.classes is None else guard.classes.tolist(),
        "model": guard.fingerprint,
        "plan": guard.plan,
    }
    values = json_values(values)
    values["checksum"] = checksum(values, data)
    write_files({folder / TENSORS: data, folder / JSON: json_text(values)})


def load(folder: Path, model: Any = None) -> dict[str, Any]:
    """Read the attributes of a guard from its two files; see :meth:`gengap.guard.Guard.load`."""
    values, data = _read(folder)
    try:
        found = _attributes(values, data, folder)
    except WRONG:
        raise _not_whole(folder / JSON) from None
    return {**found, "reader": None if model is None else _reader(model, values, folder)}


def _attributes(values: dict[str, Any], data: bytes, folder: Path) -> dict[str, Any]:
    """The attributes of the guard that the files' contents describe, but for the model's reader."""
    info = detector_info(values["detector"])
    unknown = set(values["hyperparameters"]) - set(info.detector.fields())
    if unknown:
        raise UsageError(
            f"The guard in {folder} sets {sorted(unknown)[0]!r}, which this gengap's "
            f"{info.name} does not have; fit the guard again."
        )
    tensors = safetensors.torch.load(data)
    _check(values, tensors)
    scale = None
    if values["scaled"]:
        scale = Scale(tensors["scale.mean"], tensors["scale.spread"])
    prefix = "fitted."
    chosen = dict(values["choice"])
    table = tuple(_candidate(**row) for row in chosen.pop("table"))
    row = values["row"]
    return {
        "detector": info.detector(**values["hyperparameters"]),
        "fitted": {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)},
        "calibration": Calibration(
            tensors["calibration"].numpy(),
            tuple(values["calibration_sizes"]),
            tuple(values["environments"]),
            values["false_alarms"],
        ),
        "choice": Choice(**chosen, table=table),
        "form": RowForm(
            tuple(row["shape"]), row["missing"], row["numeric"], tensors["largest"].numpy()
        ),
        "scale": scale,
        "width": values["features"],
        "classes": None if values["classes"] is None else np.asarray(values["classes"]),
        "fingerprint": values["model"],
        "plan": values["plan"],
    }


def _check(values: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    """Raise ValueError where values could not have been saved by a guard."""
    scores, sizes = tensors["calibration"], values["calibration_sizes"]
    alpha, names, row = values["false_alarms"], values["environments"], values["row"]
    ascending = all(bool((own[1:] >= own[:-1]).all()) for own in scores.split(sizes))
    sound = (
        isinstance(alpha, float)
        and 0 < alpha < 1
        and all(isinstance(size, int) and rank(size, alpha) > 0 for size in sizes)
        and len(sizes) == max(len(names), 1)
        and all(isinstance(name, str) for name in names)
        and scores.dtype == torch.float32
        and not bool(scores.isnan().any())
        and ascending
        and all(isinstance(size, int) for size in row["shape"])
        and isinstance(row["missing"], bool)
        and isinstance(row["numeric"], bool)
        and tensors["largest"].dim() == 1
        and type(values["features"]) is int
        and isinstance(values["scaled"], bool)
        and isinstance(values["classes"], list | None)
        and isinstance(values["model"], str)
        and set(values["plan"]) in PLANS
        and {k for k in tensors if k.startswith("fitted.")} == set(values["fitted"])
    )
    width = (values["features"],) if values["scaled"] else None
    if not sound or (width and any(tensors[f"scale.{k}"].shape != width for k in SCALE)):
        raise ValueError


def _not_whole(path: Path) -> UsageError:
    return UsageError(f"{path} is not a whole guard file; copy it again or save the guard anew.")


def checksum(values: dict[str, Any], data: bytes) -> str:
    """SHA-256 of the values, without their checksum, and of the tensors."""
    rest = {key: value for key, value in values.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode() + data).hexdigest()


def _read(folder: Path) -> tuple[dict[str, Any], bytes]:
    """The checked contents of both files."""
    contents = {}
    for name in (JSON, TENSORS):
        try:
            contents[name] = (folder / name).read_bytes()
        except OSError as error:
            raise UsageError(
                f"Cannot read {folder / name} ({error.strerror}); name the folder that a guard "
                "was saved in."
            ) from None
    try:
        values = json.loads(contents[JSON])
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or "format" not in values:
        raise _not_whole(folder / JSON)
    if values["format"] != FORMAT:
        raise UsageError(
            f"The guard in {folder} has format {values['format']}, this gengap reads {FORMAT}; "
            f"use the gengap that saved it ({values.get('gengap')}), or fit the guard again."
        )
    if values.get("checksum") != checksum(values, contents[TENSORS]):
        raise UsageError(
            f"The files in {folder} are not as they were saved (the checksum differs); copy both "
            "again or save the guard anew."
        )
    return values, contents[TENSORS]


def _reader(model: Any, values: dict[str, Any], folder: Path) -> Reader:
    if fingerprint(model) != values["model"]:
        raise UsageError(
            f"The guard in {folder} was made for another model than this "
            f"{type(model).__name__}; attach that one, or fit a guard for this one."
        )
    if isinstance(model, torch.nn.Module):
        return NetworkReader(uncompiled(model), **values["plan"])
    classes = getattr(model, "classes_", None)
    return EstimatorReader(
        model, None if classes is None else np.asarray(classes), **values["plan"]
    )


def _candidate(name: str, auroc: float | None, note: str) -> Candidate:
    return Candidate(name, float("nan") if auroc is None else auroc, note)
