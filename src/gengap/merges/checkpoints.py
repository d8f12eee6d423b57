"""Checkpoints in safetensors files, read tensor by tensor or part by part; nothing is unpickled.

A file begins with the length of its header (8 bytes, little-endian) and the header, JSON that gives
each tensor's type, shape and place. Large models are divided into several files, and an index,
``model.safetensors.index.json``, says in its ``weight_map`` which file holds which tensor. Files
are read with ordinary reads of what is asked for and never mapped, so that memory holds no more
than that, however large they are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.paths import existing
from gengap.merges.agreement import Form

INDEX = "model.safetensors.index.json"
ALONE = "model.safetensors"
MOST_HEADER = 100 << 20  # bytes, as the format's own reader has it
TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "C64": torch.complex64,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U64": torch.uint64, "U32": torch.uint32, "U16": torch.uint16, "U8": torch.uint8,
    "BOOL": torch.bool,
}  # fmt: skip
_PICKLED = {".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib"}
# What files made by pickle, or by torch.save, which puts one into an archive, begin with.
_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")


class Checkpoint:
    """The tensors of one or several files; a source of a merge.

    Attributes:
        forms: of all tensors, by name, in order of the alphabet.
        path: what was named.
        files: all that were opened.
    """

    def __init__(self, path: Path, files: Mapping[str, IO[bytes]]) -> None:
        self.path = path
        self.files = [Path(name) for name in files]
        self._buffer = np.empty(0, np.uint8)
        self._places: dict[str, tuple[IO[bytes], int]] = {}
        found: dict[str, Form] = {}
        for name, file in files.items():
            for tensor, form, start in _tensors(file, name):
                if tensor in found:
                    raise UsageError(f"{path} holds the tensor {tensor} twice; write it again.")
                found[tensor], self._places[tensor] = form, (file, start)
        self.forms = dict(sorted(found.items()))

    def part(self, name: str, where: slice | None = None) -> Tensor:
        """A tensor, or the part ``where`` of it laid out flat; good until the next is read."""
        form = self.forms[name]
        start, stop, _ = (where or slice(None)).indices(math.prod(form.shape))
        length = (stop - start) * form.dtype.itemsize
        # The same memory for one after another: fresh pages would cost more than reading.
        if len(self._buffer) < length:
            self._buffer = np.empty(length, np.uint8)
        tensor = torch.from_numpy(self._buffer[:length]).view(form.dtype)
        self.read(name, start, tensor)
        return tensor.reshape(form.shape) if where is None else tensor

    def read(self, name: str, start: int, into: Tensor) -> None:
        """Fill ``into (n,)`` with the numbers of a tensor from ``start`` on."""
        file, offset = self._places[name]
        file.seek(offset + start * into.element_size())
        wanted = into.view(torch.uint8).numpy()
        if file.readinto(wanted) != len(wanted):  # type: ignore[attr-defined]
            raise UsageError(f"{self.path} was cut short while it was read; copy it again.")


@contextmanager
def opened(path: str | Path) -> Iterator[Checkpoint]:
    """Open a file, an index, or a folder with either.

    Raises:
        UsageError: there is none, it is damaged, or it needs unpickling.
    """
    path = _found(existing(path))
    with ExitStack() as stack:
        indexed = path.name.endswith(".index.json")
        names = _indexed(path) if indexed else {str(path): set[str]()}
        files = {}
        for name in names:
            # Unbuffered: what is read goes where it belongs without a copy.
            files[name] = stack.enter_context(existing(name).open("rb", buffering=0))
        checkpoint = Checkpoint(path, files)
        _check_index(checkpoint, names)
        yield checkpoint


def _found(path: Path) -> Path:
    """The file to begin with."""
    if not path.is_dir():
        return path
    for name in (INDEX, ALONE):
        if (path / name).is_file():
            return path / name
    if any(file.suffix in _PICKLED for file in path.iterdir()):
        raise UsageError(_refusal(path))
    raise UsageError(f"{path} holds neither {INDEX} nor {ALONE}; name the file.")


def _refusal(path: Path) -> str:
    return (
        f"{path} needs unpickling, which can run anything, and is not read; convert it first where "
        "you trust it, with safetensors.torch.save_file."
    )


def _indexed(path: Path) -> dict[str, set[str]]:
    """The files of an index, and the tensors that it says are in each.

    Raises:
        UsageError: it is no index, or names files elsewhere.
    """
    try:
        listed: Any = json.loads(path.read_bytes())["weight_map"]
        pairs = list(listed.items())
        assert pairs
        assert all(isinstance(name, str) for _, name in pairs)
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, RecursionError):
        raise UsageError(
            f"{path} is no index of safetensors files: it has no weight_map; write it again."
        ) from None
    files: dict[str, set[str]] = {}
    for tensor, name in pairs:
        if name != Path(name).name or name in ("", ".", ".."):
            raise UsageError(
                f"{path} names the file {name}, which is not beside it; put the files together."
            )
        if Path(name).suffix in _PICKLED:
            raise UsageError(_refusal(path))
        files.setdefault(str(path.parent / name), set()).add(tensor)
    return files


def _check_index(checkpoint: Checkpoint, names: Mapping[str, set[str]]) -> None:
    """Raise :class:`UsageError` where an index and its files disagree."""
    said = {tensor for listed in names.values() for tensor in listed}
    differing = sorted(said ^ set(checkpoint.forms)) if said else []
    if differing:
        verb, holding = ("names", "do not hold") if differing[0] in said else ("leaves out", "hold")
        raise UsageError(
            f"{checkpoint.path} {verb} the tensor {differing[0]}, which its files {holding}; copy "
            "all again."
        )


def _tensors(file: IO[bytes], name: str) -> Iterator[tuple[str, Form, int]]:
    """Name, form and place of each tensor in a file.

    Raises:
        UsageError: it is no safetensors file, or is damaged.
    """
    path = Path(name)
    size = file.seek(0, 2)
    file.seek(0)
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or not 2 <= length <= min(MOST_HEADER, size - 8):
        if path.suffix in _PICKLED or start.startswith(_STARTS):
            raise UsageError(_refusal(path))
        raise UsageError(f"{path} is no safetensors file, or cut short; copy it again.")
    try:
        header = json.loads(file.read(length))
        entries = [(tensor, said) for tensor, said in header.items() if tensor != "__metadata__"]
        places = [_place(tensor, said, size - 8 - length) for tensor, said in entries]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError(
            f"{path} has no header that fits what it holds; copy or write it again."
        ) from None
    for tensor, form, begin in places:
        yield tensor, form, 8 + length + begin


def _place(tensor: str, said: Any, size: int) -> tuple[str, Form, int]:
    """One entry of a header; ValueError where it points outside the file or holds nonsense."""
    shape = tuple(said["shape"])
    if not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError
    form = Form(shape, TYPES[said["dtype"]])
    begin, end = said["data_offsets"]
    right = type(begin) is int and type(end) is int and 0 <= begin <= end <= size
    if not right or end - begin != math.prod(shape) * form.dtype.itemsize:
        raise ValueError
    return tensor, form, begin
