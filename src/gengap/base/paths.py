"""Paths as users type them: what cannot be one is refused, and a pipe is read whole, once."""

from __future__ import annotations

import atexit
import os
import select
import shutil
import stat
import tempfile
import time
from pathlib import Path

from gengap.base.errors import UsageError, suggest

PATIENCE = 10  # seconds until somebody must have begun to write to a pipe
# What a pipe may hold, and what a packed file may unpack to unless that is little beside its size.
MOST_PIPED = 1 << 32
UNSUSPICIOUS, MOST_RATIO = 1 << 28, 100

# By device and number of a pipe, its copy and when the pipe last changed: numbers are used again.
_piped: dict[tuple[int, int], tuple[Path, int]] = {}


def typed(path: str | Path) -> Path:
    """Return a path that the system can name, with ``~`` and ``~user`` replaced.

    Raises:
        UsageError: no such user, a name that is too long or holds what no name can, no right to
            look.
    """
    try:
        found = Path(path).expanduser()
        os.lstat(found)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except RuntimeError:
        raise UsageError(
            f"{path} begins with the home of a user who does not exist; check the path."
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be used: {error.strerror}; check the path.") from None
    except ValueError:
        raise UsageError(f"{path} holds a character that no path can; check the path.") from None
    return found


def readable(path: str | Path) -> Path:
    """Return a path that can be read more than once, or that does not exist.

    A pipe, such as ``<(zcat x)``, is read whole into a temporary file of its name; asked again, it
    is that file.

    Raises:
        UsageError: no path, a device or socket, or a pipe that nobody writes to.
    """
    path = typed(path)
    try:
        found = path.stat()
    except FileNotFoundError:
        return path
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; check the path.") from None
    if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
        return path
    if not stat.S_ISFIFO(found.st_mode):
        raise UsageError(f"{path} is a device or a socket; give a file, a folder or a pipe.")
    key = (found.st_dev, found.st_ino)
    if key not in _piped or _piped[key][1] != found.st_ctime_ns:
        _piped[key] = _spooled(path), path.stat().st_ctime_ns
    return _piped[key][0]


def refuse_bomb(path: Path, unpacked: int) -> None:
    """Raise :class:`UsageError` for a file that unpacks to far more than it is."""
    if unpacked > UNSUSPICIOUS and unpacked > MOST_RATIO * path.stat().st_size:
        raise UsageError(
            f"{path} has {path.stat().st_size:,} bytes and unpacks to {unpacked:,} or more; give "
            "it unpacked if that is right."
        )


def shown(name: str) -> str:
    """Return a file's name with what is no UTF-8 in it replaced, so that it can be stored."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def _spooled(path: Path) -> Path:
    """Read a pipe to its end into a file, without waiting for ever for a writer."""
    folder = Path(tempfile.mkdtemp(prefix="gengap-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    copy = folder / ("pipe" if path.name.isdigit() else path.name)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    end, size, met = time.monotonic() + PATIENCE, 0, False
    try:
        with copy.open("wb") as file:
            while size <= MOST_PIPED:
                try:
                    piece = os.read(descriptor, 1 << 20)
                except BlockingIOError:  # somebody will write
                    met = True
                    select.select([descriptor], [], [])
                    continue
                if not piece and (met or size):
                    return copy
                if not piece:
                    if time.monotonic() > end:
                        raise UsageError(f"Nobody writes to the pipe {path}; start what fills it.")
                    time.sleep(0.02)
                file.write(piece)
                size += len(piece)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; write a file.") from None
    finally:
        os.close(descriptor)
    raise UsageError(f"The pipe {path} gives more than {MOST_PIPED:,} bytes; write a file.")


def existing(path: str | Path) -> Path:
    """Return the path, or say what is near it when there is no such file."""
    path = readable(path)
    try:
        if path.is_dir() or (path.exists() and path.stat().st_size):
            return path
        if path.exists():
            raise UsageError(f"{path} is empty (0 bytes); give a file with content.")
        folder = path.parent
        if not folder.is_dir():
            raise UsageError(f"There is no folder {folder} (looking for {path}); check the path.")
        near = suggest(path.name, (file.name for file in folder.iterdir()))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({error}); check the path.") from None
    raise UsageError(f"There is no file {path}{near or '; check the path.'}")
