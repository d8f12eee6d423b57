"""Files that are checked before they are believed: sizes, checksums, signatures; no links followed.

A checksum shows any change, be it a broken disk or files from two places; it does not stop someone
who recomputes it. A key does: with it files are signed (HMAC with SHA-256), and read with it they
must be.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gengap.base.errors import UsageError

SHORTEST = 16  # bytes of a key


def ordinary_bytes(path: Path, most: int, remedy: str) -> bytes:
    """The bytes of an ordinary file, not followed if it is a link.

    Args:
        most: bytes that it may have.
        remedy: what to do about a file that cannot be read, for the error.

    Raises:
        UsageError: it cannot be read, is a link, a pipe or another special file, or too large.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise OSError(0, "it is no ordinary file")
            if state.st_size > most:
                raise OSError(0, f"it is larger than {most >> 20:,} MiB")
            return file.read(most)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        linked = isinstance(error, OSError) and error.errno == errno.ELOOP
        raise UsageError(
            f"Cannot read {path} ({'it is a symbolic link' if linked else reason}); {remedy}."
        ) from None


def checksum(values: Mapping[str, Any], *contents: bytes) -> str:
    """SHA-256 of JSON values, without their checksum and signature, and of what goes with them."""
    rest = {k: v for k, v in values.items() if k not in ("checksum", "signature")}
    found = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for content in contents:
        found.update(content)
    return found.hexdigest()


def signature(values: Mapping[str, Any], key: bytes) -> str:
    """HMAC of the checksum, which covers all else.

    Raises:
        UsageError: the key is no bytes, or fewer than 16.
    """
    if not isinstance(key, bytes) or len(key) < SHORTEST:
        raise UsageError(f"A key is at least {SHORTEST} bytes, such as secrets.token_bytes(32).")
    return hmac.new(key, values["checksum"].encode(), hashlib.sha256).hexdigest()


def is_signed(values: Mapping[str, Any], key: bytes) -> bool:
    """Whether values were signed with a key.

    Raises:
        UsageError: as of :func:`signature`.
    """
    signed = str(values.get("signature")).encode()
    return hmac.compare_digest(signature(values, key).encode(), signed)


def opened(
    description: bytes,
    *contents: bytes,
    folder: Path,
    what: str,
    form: Any,
    key: bytes | None,
    broken: UsageError,
    altered: UsageError,
) -> dict[str, Any]:
    """The values of a sealed description, once it is as it was saved.

    Args:
        description: JSON of a mapping with its format, its checksum and perhaps a signature.
        contents: what its checksum covers beside itself.
        folder: where it comes from, for errors.
        what: what is described there, a guard or a model, for errors.
        form: the format that is read.
        key: what it must be signed with; None where it need not be.
        broken: raised where it is no such description.
        altered: raised where its checksum differs.

    Raises:
        UsageError: those two; another format; no signature with the key.
    """
    try:
        values = json.loads(description)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or "format" not in values:
        raise broken
    if values["format"] != form:
        raise UsageError(
            f"The {what} in {folder} has format {str(values['format'])[:20]!r}, this gengap reads "
            f"{form}; use the gengap that saved it, or fit the {what} again."
        )
    if values.get("checksum") != checksum(values, *contents):
        raise altered
    if key is not None and not is_signed(values, key):
        raise UsageError(
            f"The {what} in {folder} was not signed with this key; take it from where it was made."
        )
    return values
