"""Arrays as small, self-describing byte strings.

A store holds millions of per-example predictions, so each array is packed: its dtype is the
smallest that holds the values, its bytes are shuffled (all first bytes, then all second bytes, ...,
which puts the alike ones side by side) and compressed with zlib at its fastest level.

A packed array is one zlib stream of

======================  ==============================================================
2 bytes                 ``b"g1"``, the format
1 byte                  the dtype, a key of ``DTYPES``
1 byte                  the number of axes
8 bytes for each axis   its length, little-endian
the rest                the elements, little-endian, in C order, bytes shuffled
======================  ==============================================================

The stream's own checksum covers all of it. Nothing is ever unpickled.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import Any

import numpy as np

from gengap.base.errors import UsageError

FORMAT = b"g1"
LEVEL = 1
# Widths are spelled out because those of numpy's own characters depend on the platform.
DTYPES: dict[bytes, np.dtype[Any]] = {
    b"b": np.dtype("<i1"),
    b"B": np.dtype("<u1"),
    b"h": np.dtype("<i2"),
    b"H": np.dtype("<u2"),
    b"i": np.dtype("<i4"),
    b"I": np.dtype("<u4"),
    b"q": np.dtype("<i8"),
    b"Q": np.dtype("<u8"),
    b"e": np.dtype("<f2"),
    b"f": np.dtype("<f4"),
    b"d": np.dtype("<f8"),
}
_CODES = {dtype: code for code, dtype in DTYPES.items()}
# Rounding to float32 may move a prediction by this share of the predictions' standard deviation.
ROUNDING = 1e-4


class Damaged(UsageError):
    """An array that cannot be read, for a ``reason``."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The store is damaged: an array cannot be read because {reason}; "
            "restore the store from a copy, or start a new one and run the study again."
        )

    def __reduce__(self) -> tuple[type[Damaged], tuple[str]]:
        return Damaged, (self.reason,)


def pack(array: np.ndarray) -> bytes:
    """Pack an array of integers or floats of any shape.

    Raises:
        UsageError: for any other dtype (text, booleans, objects, complex).
    """
    dtype = np.asarray(array).dtype.newbyteorder("<")
    if dtype not in _CODES:
        raise UsageError(
            f"A record holds integers or floats up to 64 bits, not {array.dtype}; "
            "convert the predictions to numbers first."
        )
    values = np.ascontiguousarray(array, dtype=dtype)
    shape = np.shape(array)
    header = FORMAT + _CODES[dtype] + struct.pack(f"<B{len(shape)}Q", len(shape), *shape)
    shuffled = values.reshape(-1).view(np.uint8).reshape(-1, dtype.itemsize).T
    return zlib.compress(header + shuffled.tobytes(), LEVEL)


def unpack(blob: bytes) -> np.ndarray:
    """Unpack an array; the result is writable and has the dtype and shape that were packed.

    Raises:
        UsageError: if the bytes are cut short, altered, or followed by others.
    """
    try:
        stream = zlib.decompressobj()
        raw = stream.decompress(blob if isinstance(blob, bytes) else bytes(memoryview(blob)))
        whole = stream.eof and not stream.unused_data
    except (zlib.error, TypeError):
        raise Damaged("its checksum or coding is wrong") from None
    if not whole:
        raise Damaged("it is cut short or has bytes after its end")
    if len(raw) < 4 or raw[:2] != FORMAT or raw[2:3] not in DTYPES:
        raise Damaged("its header is unknown")
    dtype, axes = DTYPES[raw[2:3]], raw[3]
    start = 4 + 8 * axes
    if len(raw) < start:
        raise Damaged("its header is cut short")
    shape = struct.unpack(f"<{axes}Q", raw[4:start])
    if len(raw) - start != math.prod(shape) * dtype.itemsize:
        raise Damaged("its length does not fit its shape")
    body = np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(dtype.itemsize, -1)
    return np.ascontiguousarray(body.T).view(dtype).reshape(shape)


def narrow_integers(values: np.ndarray) -> np.ndarray:
    """Return integers in the smallest dtype that holds them, unsigned if none is negative."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low >= 0:
        return values.astype(np.min_scalar_type(high))
    return values.astype(np.min_scalar_type(min(low, -high - 1)))


def narrow_floats(values: np.ndarray) -> np.ndarray:
    """Return floats as float32, unless that would show in a score.

    Values far from zero with a small spread (times in seconds, amounts in a small currency) keep
    float64: rounding them to float32 would add an error as large as the model's own. The bound is
    ``ROUNDING`` standard deviations for the value that moves most, of each column its own.
    """
    if values.dtype.itemsize <= 4:
        return values.astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = values.astype(np.float32)
        bound = ROUNDING * np.std(values, axis=0)
        close = np.all(np.isfinite(bound)) and np.all(np.abs(rounded - values) <= bound)
    return rounded if close else values
