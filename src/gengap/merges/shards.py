"""Tensors written to safetensors files as they come: one file, or shards with an index.

The names, types and shapes of all tensors are known before the first is merged, so the header is
written first and the numbers follow in its order. Files are written beside their places and moved
there when all are whole.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.files import create, json_text
from gengap.merges.agreement import Form
from gengap.merges.checkpoints import ALONE, INDEX, TYPES

_NAMES = {kind: name for name, kind in TYPES.items()}
# What belongs to a model in its folder beside the weights, and is the same in a merged one.
BESIDE = (
    "config.json", "generation_config.json", "preprocessor_config.json", "tokenizer.json",
    "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "vocab.txt", "merges.txt",
)  # fmt: skip
Tell = Callable[[int, str], None]


def size_of(form: Form) -> int:
    """Bytes of a tensor."""
    return math.prod(form.shape) * form.dtype.itemsize


def planned(forms: Mapping[str, Form], out: Path, most: int) -> dict[Path, list[str]]:
    """Which file gets which tensors: the one named, or in a folder shards of at most so many bytes.

    A tensor that is larger has a shard of its own. Within a file tensors are in order of the width
    of their numbers, which keeps them aligned.
    """
    if out.suffix == ".safetensors":
        shards = [list(forms)]
        paths = [out]
    else:
        shards, filled = [[]], 0
        for name, form in forms.items():
            if shards[-1] and filled + size_of(form) > most:
                shards.append([])
                filled = 0
            shards[-1].append(name)
            filled += size_of(form)
        count = len(shards)
        paths = [out / f"model-{k + 1:05}-of-{count:05}.safetensors" for k in range(count)]
        paths = [out / ALONE] if count == 1 else paths
    wide = [sorted(shard, key=lambda name: -forms[name].dtype.itemsize) for shard in shards]
    return dict(zip(paths, wide, strict=True))


def write_shards(
    plan: Mapping[Path, list[str]],
    forms: Mapping[str, Form],
    parts: Callable[[str], Iterator[Tensor]],
    tell: Tell,
    beside: Path | None = None,
) -> list[Path]:
    """Write all files, or none where something goes wrong or it is stopped.

    A single file takes its place in one move, so what lay there stays until then; a folder, which
    was new or empty, is left as it was.

    Args:
        plan: the tensors of each file.
        forms: of all tensors.
        parts: the parts of a tensor, one after the other.
        tell: is told how many tensors are done and the name of the next.
        beside: folder of a model whose other files are to lie in the new one as well.

    Returns:
        the files, those of a folder with their index and what lies beside.

    Raises:
        UsageError: a file cannot be written, or there is no room.
    """
    folder = next(iter(plan)).parent
    own = [folder, *folder.parents]
    made = own[: next(k for k, each in enumerate(own) if each.exists())]
    partial = {path: path.with_name(path.name + ".partial") for path in plan}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_room(folder, sum(map(size_of, forms.values())))
        done = 0
        for path, names in plan.items():
            with create(partial[path]) as file:
                file.write(header({name: forms[name] for name in names}))
                for name in names:
                    tell(done, name)
                    for part in parts(name):
                        file.write(part.contiguous().reshape(-1).view(torch.uint8).numpy().data)
                    done += 1
        if len(plan) > 1:
            text = index_text(plan, forms)
            partial[folder / INDEX] = folder / f"{INDEX}.partial"
            with create(partial[folder / INDEX]) as file:
                file.write(text.encode())
        for source in () if beside is None else _beside(beside):
            partial[folder / source.name] = folder / f"{source.name}.partial"
            shutil.copyfile(source, partial[folder / source.name])
        for path, left in partial.items():
            left.replace(path)
    except BaseException as error:
        moved = list(partial) if len(partial) > 1 else []
        for left in (*partial.values(), *moved):
            with suppress(OSError):
                left.unlink(missing_ok=True)
        for each in made:
            with suppress(OSError):
                each.rmdir()
        if isinstance(error, OSError):
            raise UsageError(
                f"Cannot write {error.filename or folder}: {error.strerror}; free space or choose "
                "another place with --out."
            ) from None
        raise
    return [path for path in partial if path.name != INDEX]


def header(forms: Mapping[str, Form]) -> bytes:
    """What a file of these tensors, in this order, begins with."""
    said: dict[str, object] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, form in forms.items():
        end = start + size_of(form)
        said[name] = {
            "dtype": _NAMES[form.dtype],
            "shape": list(form.shape),
            "data_offsets": [start, end],
        }
        start = end
    text = json.dumps(said, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def index_text(plan: Mapping[Path, list[str]], forms: Mapping[str, Form]) -> str:
    """The index of shards."""
    homes = {name: path.name for path, names in plan.items() for name in names}
    total = sum(map(size_of, forms.values()))
    return json_text({"metadata": {"total_size": total}, "weight_map": dict(sorted(homes.items()))})


def _beside(folder: Path) -> list[Path]:
    """What belongs to a model beside its weights."""
    return [folder / name for name in BESIDE if (folder / name).is_file()]


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UsageError(
            f"{folder} has room for {free:,} bytes and the merged model has {needed:,}; free space "
            "or choose another place with --out."
        )
