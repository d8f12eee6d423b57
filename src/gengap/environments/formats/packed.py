"""Packed files: gzip, bzip2, xz, Zstandard and zip, told by their content and read as a stream.

What a file unpacks to is counted before anything is made of it: a few kilobytes can hold gigabytes.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import IO, cast

from gengap.base.errors import UsageError, listing, unknown
from gengap.base.paths import MOST_RATIO, UNSUSPICIOUS, refuse_bomb, shown

MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
ENDINGS = (".gz", ".bz2", ".xz", ".zst", ".zip")
# A zip with a password, or packed in a way that Python does not know, raises the last two.
DAMAGED = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    RuntimeError,
    NotImplementedError,
)


def head(path: Path, size: int) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as stream:
        return stream.read(size)


def packing(path: Path) -> str | None:
    """How a file is packed, by its content; None where it is not."""
    start = head(path, 8)
    return next((name for magic, name in MAGIC.items() if start.startswith(magic)), None)


def opened(path: Path, member: str | None = None) -> IO[bytes]:
    """Open for reading what a file holds, unpacked where it is packed.

    Args:
        path: of the file.
        member: which file of a zip archive; its only table when not given.

    Raises:
        UsageError: an archive of several files, none of which is named, or a missing package.
        OSError and the others of :data:`DAMAGED`: the file is damaged.
    """
    kind = packing(path)
    if kind == "gzip":
        return cast(IO[bytes], gzip.open(path))
    if kind == "bzip2":
        return cast(IO[bytes], bz2.open(path))
    if kind == "xz":
        return cast(IO[bytes], lzma.open(path))
    if kind == "zstd":
        return _zstandard(path)
    if kind == "zip":
        archive = zipfile.ZipFile(path)
        return archive.open(_member(path, archive, member))
    return path.open("rb")


def refuse_packed_bomb(path: Path, member: str | None = None) -> None:
    """Read a packed file once, to find damage and what it unpacks to.

    Raises:
        UsageError: it is damaged, or unpacks to more than 256 MiB and a hundred times its size.
    """
    if packing(path) is None:
        return
    limit, unpacked = max(UNSUSPICIOUS, MOST_RATIO * path.stat().st_size), 0
    try:
        with opened(path, member) as stream:
            while unpacked <= limit and (piece := stream.read(1 << 20)):
                unpacked += len(piece)
    except DAMAGED as error:
        raise UsageError(
            f"{path} is damaged and cannot be unpacked ({error}); pack the table again."
        ) from None
    refuse_bomb(path, unpacked)


def unpacked_name(path: Path, member: str | None = None) -> str:
    """The name of what a file holds: without the ending that says how it is packed."""
    if member is not None:
        return member
    name = path.name
    return name[: -len(path.suffix)] if path.suffix.lower() in ENDINGS else name


def _member(path: Path, archive: zipfile.ZipFile, wanted: str | None) -> zipfile.ZipInfo:
    """The one file of an archive that was asked for, or that there is."""
    files = {
        entry.filename: entry
        for entry in archive.infolist()
        if not entry.is_dir()
        and not entry.filename.startswith("__MACOSX/")
        and not Path(entry.filename).name.startswith(".")
    }
    names = [shown(name) for name in files]
    if wanted is not None:
        if wanted not in files:
            raise unknown(f"{path} holds no file {wanted!r}", wanted, names)
        return files[wanted]
    if len(files) != 1:
        raise UsageError(
            f"{path} holds {listing(names) or 'no files'}; "
            + (f"name one of them, as in {path}#{names[0]}." if names else "give one with a table.")
        )
    return next(iter(files.values()))


def _zstandard(path: Path) -> IO[bytes]:
    try:
        import zstandard
    except ImportError:
        raise UsageError(
            f'Reading {path} needs zstandard; install it with pip install "gengap[zstd]".'
        ) from None

    class Reader(io.RawIOBase):
        """Zstandard's stream, whose own errors are none that Python knows."""

        def __init__(self) -> None:
            self.file = path.open("rb")
            self.stream = zstandard.ZstdDecompressor().stream_reader(
                self.file, read_across_frames=True
            )

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            try:
                return self.stream.readinto(buffer)
            except zstandard.ZstdError as error:
                raise OSError(str(error)) from None

        def close(self) -> None:
            self.stream.close()
            self.file.close()
            super().close()

    return cast(IO[bytes], io.BufferedReader(Reader(), 1 << 18))
