"""Keeps freed memory in the process between the steps of a training."""

from __future__ import annotations

import ctypes
from functools import cache

# Parameters of glibc's mallopt (malloc.h).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3


@cache
def keep_freed_memory() -> None:
    """Ask glibc not to hand freed blocks back to the system at every step.

    A step allocates and frees the same few megabytes over and over. By default glibc returns
    blocks of that size to the system each time, and a quarter of the training goes into faulting
    the pages in again. Does nothing where the C library has no ``mallopt``.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(M_MMAP_THRESHOLD, 256 << 20)
    mallopt(M_TRIM_THRESHOLD, 512 << 20)
    mallopt(M_TOP_PAD, 16 << 20)
