"""The IDX format of MNIST: one array a file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.paths import existing
from gengap.environments.formats.packed import DAMAGED, opened

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | Path) -> np.ndarray:
    """Read one array in the IDX format of MNIST, plain or gzipped, in native byte order.

    The format: two zero bytes, a type code, the number of dimensions, each dimension as a
    big-endian 32-bit number, then the values (Y. LeCun, http://yann.lecun.com/exdb/mnist).

    Raises:
        UsageError: no such file, another format, or fewer or more values than the header says.
    """
    path = existing(path)
    try:
        with opened(path) as stream:
            start = stream.read(4)
            if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES:
                raise UsageError(
                    f"{path} is not an IDX file (it begins with {start.hex(' ') or 'nothing'}); "
                    "expected are two zero bytes, a type code and the number of dimensions."
                )
            sizes = stream.read(4 * start[3])
            dtype = np.dtype(TYPES[start[2]])
            shape = tuple(int(s) for s in np.frombuffer(sizes, ">u4", len(sizes) // 4))
            wanted = math.prod(shape) * dtype.itemsize
            content = bytearray()  # grows with the file, not with what its header promises
            while len(content) <= wanted and (piece := stream.read(2**20)):
                content += piece
    except DAMAGED as error:
        raise UsageError(f"{path} cannot be read ({error}); the file is damaged.") from None
    if start[3] == 0 or len(shape) < start[3] or len(content) != wanted:
        relation = "longer" if len(content) > wanted else "shorter"
        raise UsageError(
            f"{path} is {relation} than its header says (shape {shape}, {wanted} bytes of values); "
            "the file is cut off or damaged."
        )
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))
