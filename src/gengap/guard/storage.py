"""Saves and loads guards: ``guard.json`` says what, ``guard.safetensors`` holds the tensors.

Both are plain data. A checksum over the two shows any change, be it a broken disk or a pair of
files from different guards; it is no signature and does not stop someone who recomputes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from gengap.errors import UsageError
from gengap.features import Reader
from gengap.features.estimators import EstimatorReader, Scale
from gengap.features.networks import NetworkReader
from gengap.files import json_values
from gengap.guard.calibration import Calibration
from gengap.guard.candidates import name_of
from gengap.guard.fingerprint import fingerprint
from gengap.guard.guard import Guard
from gengap.guard.rows import RowForm
from gengap.guard.selection import Candidate, Choice
from gengap.registry import detector_info

FORMAT = 1
JSON, TENSORS = "guard.json", "guard.safetensors"


def save(guard: Guard, folder: Path) -> None:
    """Write a guard's two files, whole or not at all.

    Raises:
        UsageError: the detector is not registered, or the folder cannot be written.
    """
    name = name_of(guard.detector)
    if name is None:
        raise UsageError(
            f"{type(guard.detector).__name__} is not a registered detector and could not be "
            "loaded again; register it with gengap.registry.register_detector."
        )
    tensors = {f"fitted.{key}": value for key, value in guard.fitted.items()}
    tensors["calibration"] = torch.from_numpy(guard.calibration.scores)
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
        "row": asdict(guard.form),
        "features": guard.width,
        "classes": None if guard.classes is None else guard.classes.tolist(),
        "model": guard.fingerprint,
        "plan": guard.plan,
    }
    values = json_values(values)
    values["checksum"] = checksum(values, data)
    text = json.dumps(values, indent=2) + "\n"
    _write(folder, {TENSORS: data, JSON: text.encode()})


def load(folder: Path, model: Any = None) -> Guard:
    """Read a guard's two files; see :meth:`gengap.guard.Guard.load`."""
    values, data = _read(folder)
    info = detector_info(values["detector"])
    unknown = set(values["hyperparameters"]) - set(info.detector.fields())
    if unknown:
        raise UsageError(
            f"The guard in {folder} sets {sorted(unknown)[0]!r}, which this gengap's "
            f"{info.name} does not have; fit the guard again."
        )
    tensors = safetensors.torch.load(data)
    scale = None
    if "scale.mean" in tensors:
        scale = Scale(tensors["scale.mean"], tensors["scale.spread"])
    prefix = "fitted."
    chosen = dict(values["choice"])
    table = tuple(_candidate(**row) for row in chosen.pop("table"))
    row = values["row"]
    return Guard(
        detector=info.detector(**values["hyperparameters"]),
        fitted={k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)},
        calibration=Calibration(
            tensors["calibration"].numpy(),
            tuple(values["calibration_sizes"]),
            tuple(values["environments"]),
            values["false_alarms"],
        ),
        choice=Choice(**chosen, table=table),
        form=RowForm(tuple(row["shape"]), row["missing"], row["numeric"]),
        scale=scale,
        width=values["features"],
        classes=None if values["classes"] is None else np.asarray(values["classes"]),
        fingerprint=values["model"],
        plan=values["plan"],
        reader=None if model is None else _reader(model, values, folder),
    )


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
    except ValueError:
        values = None
    if not isinstance(values, dict) or "format" not in values:
        raise UsageError(
            f"{folder / JSON} is not a whole guard file; copy it again or save the guard anew."
        )
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
        return NetworkReader(model, **values["plan"])
    classes = getattr(model, "classes_", None)
    return EstimatorReader(
        model, None if classes is None else np.asarray(classes), **values["plan"]
    )


def _candidate(name: str, auroc: float | None, note: str) -> Candidate:
    return Candidate(name, float("nan") if auroc is None else auroc, note)


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    partial = {name: folder / f"{name}.partial" for name in contents}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in contents.items():
            partial[name].write_bytes(data)
        for name, path in partial.items():
            path.replace(folder / name)
    except OSError as error:
        for path in partial.values():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        raise UsageError(
            f"Cannot write the guard to {folder} ({error.strerror}); choose another folder."
        ) from None
