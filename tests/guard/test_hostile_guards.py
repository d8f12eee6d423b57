"""Guard folders that somebody else wrote: refused in a sentence, whatever stands in them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from guard_toys import blobs, classifier, network
from sklearn.ensemble import RandomForestClassifier

import gengap as gg
from gengap.base import sealed
from gengap.base.errors import UsageError
from gengap.base.sealed import checksum
from gengap.guard.storage import JSON, TENSORS
from gengap.models.reading import outputs_of

X, Y = blobs(240)
KEY = bytes(range(32))
VALUES = (
    None,
    True,
    -1,
    0,
    2**70,
    0.5,
    1e308,
    "",
    "x",
    [],
    [[]],
    {},
    {"a": 1},
    [None],
    [-1],
    [1e9],
)


def write(folder: Path, values: dict[str, Any], data: bytes) -> None:
    """Both files, with the checksum they should have."""
    values["checksum"] = checksum(values, data)
    (folder / TENSORS).write_bytes(data)
    (folder / JSON).write_text(json.dumps(values))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON document, the first entries of lists for the rest."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, (*path, key))
    elif isinstance(value, list):
        for k, part in enumerate(value[:1]):
            yield from leaves(part, (*path, k))


def changed(values: dict[str, Any], path: tuple[Any, ...], new: Any) -> dict[str, Any]:
    copied = json.loads(json.dumps(values))
    at = copied
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = new
    return copied


def refusal_of(work: Callable[[], object]) -> str:
    """The sentence in which something is refused, empty where it is not."""
    try:
        work()
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("detector", ["knn", "mahalanobis", None])
def test_any_value_changed_with_its_checksum_redone(tmp_path, detector):
    """Refused in a sentence, or of no consequence for what can be told: never a traceback."""
    model = network()
    guard = gg.Guard.fit(model, X, Y, detector=detector)
    guard.save(tmp_path)
    values, data = json.loads((tmp_path / JSON).read_text()), (tmp_path / TENSORS).read_bytes()
    outputs = outputs_of(model, X[:5])

    def used() -> None:
        loaded = gg.Guard.load(tmp_path, model)
        loaded(X[:5])
        loaded.judge(outputs)
        loaded.report()

    said = []
    for path in leaves(values):
        for new in VALUES:
            write(tmp_path, changed(values, path, new), data)
            said.append(refusal_of(used))
    assert np.mean([sentence != "" for sentence in said]) > 0.8
    assert not any("\n" in sentence for sentence in said)


def test_tensors_of_other_shapes_and_kinds(tmp_path):
    model = network()
    for name in ("knn", "density", "isolation-forest", "sage", "vim", "gram"):
        gg.Guard.fit(model, X, Y, detector=name).save(tmp_path)
        values = json.loads((tmp_path / JSON).read_text())
        whole = safetensors.torch.load((tmp_path / TENSORS).read_bytes())
        for key, tensor in whole.items():
            strange = torch.zeros(3, 3, dtype=torch.int64)
            for other in (tensor.flatten()[:0], tensor[None], -tensor.float(), strange):
                data = safetensors.torch.save(whole | {key: other.contiguous()})
                write(tmp_path, dict(values), data)
                assert "\n" not in refusal_of(lambda: gg.Guard.load(tmp_path, model)(X[:5]))


@pytest.mark.parametrize(
    ("detector", "changes"),
    [
        ("knn", {"k": 0}),
        ("knn", {"k": 3.5}),
        ("knn", {"k": 1}),
        ("knn", {"k": -1}),
        ("knn", {"k": True}),
        ("knn", {"neighbours": 3}),
        ("isolation-forest", {"trees": "many"}),
    ],
)
def test_hyperparameters_are_those_it_was_fitted_with(tmp_path, detector, changes):
    gg.Guard.fit(network(), X, Y, detector=detector).save(tmp_path)
    values, data = json.loads((tmp_path / JSON).read_text()), (tmp_path / TENSORS).read_bytes()
    values["hyperparameters"] |= changes
    write(tmp_path, values, data)
    with pytest.raises(UsageError):
        gg.Guard.load(tmp_path)


def test_signatures(tmp_path):
    guard = gg.Guard.fit(classifier(), X, Y, detector="msp")
    guard.save(tmp_path, key=KEY)
    again = gg.Guard.load(tmp_path, key=KEY)
    assert repr(again) == repr(guard)
    assert repr(gg.Guard.load(tmp_path)) == repr(guard)
    values, data = json.loads((tmp_path / JSON).read_text()), (tmp_path / TENSORS).read_bytes()
    with pytest.raises(UsageError, match="was not signed with this key"):
        gg.Guard.load(tmp_path, key=KEY[::-1])
    write(tmp_path, changed(values, ("false_alarms",), 0.04), data)
    with pytest.raises(UsageError, match="was not signed with this key"):
        gg.Guard.load(tmp_path, key=KEY)
    guard.save(tmp_path)
    with pytest.raises(UsageError, match="was not signed with this key"):
        gg.Guard.load(tmp_path, key=KEY)
    for short in (b"secret", "a text of more than 16"):
        with pytest.raises(UsageError, match="A key is at least 16 bytes"):
            guard.save(tmp_path, key=short)


@pytest.mark.parametrize("name", [JSON, TENSORS])
def test_links_pipes_devices_and_folders_are_no_guards(tmp_path, name):
    gg.Guard.fit(classifier(), X, Y, detector="msp").save(tmp_path)
    path, kept = tmp_path / name, tmp_path / "kept"
    path.rename(kept)
    made = {
        "symbolic link": lambda: path.symlink_to(kept),
        "no ordinary file": lambda: os.mkfifo(path),
        "directory": path.mkdir,
    }
    for said, make in made.items():
        make()
        with pytest.raises(UsageError, match=f"Cannot read .*{said}"):
            gg.Guard.load(tmp_path)
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    with pytest.raises(UsageError, match="no ordinary file"):
        sealed.ordinary_bytes(Path("/dev/zero"), 100, "name a folder")


def test_files_beyond_their_size_are_not_read(tmp_path, monkeypatch):
    gg.Guard.fit(classifier(), X, Y, detector="msp").save(tmp_path)
    with (tmp_path / TENSORS).open("r+b") as file:
        file.truncate((4 << 30) + 1)  # a hole: nothing is written
    with pytest.raises(UsageError, match=r"is larger than 4,096 MiB"):
        gg.Guard.load(tmp_path)


def test_a_plan_for_another_kind_of_model(tmp_path):
    model = RandomForestClassifier(3, random_state=0).fit(*blobs(60, 1))
    gg.Guard.fit(model, X, Y, detector="msp").save(tmp_path)
    values, data = json.loads((tmp_path / JSON).read_text()), (tmp_path / TENSORS).read_bytes()
    values["plan"] = {"layer": "1", "side": "input", "head": None}
    write(tmp_path, values, data)
    with pytest.raises(UsageError, match="is not a whole guard file"):
        gg.Guard.load(tmp_path, model)
    gg.Guard.fit(network(), X, Y, detector="msp").save(tmp_path)
    values, data = json.loads((tmp_path / JSON).read_text()), (tmp_path / TENSORS).read_bytes()
    values["plan"]["layer"] = "7.weight"
    write(tmp_path, values, data)
    with pytest.raises(UsageError, match="is not a whole guard file"):
        gg.Guard.load(tmp_path, network())
