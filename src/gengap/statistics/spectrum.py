"""How periodic a table is: the power of its waves, and over how many waves it is spread.

Rows stand for the numbers below ``p`` and columns for units, or for directions of an embedding. A
column ``t`` has the discrete Fourier transform ``T_k = Σ_a t_a exp(−2πi k a / p)``; its power at
frequency ``k`` is the share of ``|T_k|²`` in that of all frequencies 1 to ``p / 2``, the mean left
out, and its inverse participation ratio

    Σ_k q_k²,        q_k = |T_k|² / Σ_j |T_j|²,

which is 1 for a single wave, ``1 / m`` where power is spread evenly over all ``m`` frequencies, and
``2 / (m + 1)`` on average of random numbers, whose power is exponential, and its shares uniform on
a simplex, where ``p`` is odd.

What a network has learnt by rule in a table of sums are waves (Nanda et al. 2023, Gromov 2023);
what it knows by heart has no frequency. So units with a small ratio memorise (Doshi et al. 2024,
arXiv:2310.13061). That holds for sums and differences; a product is a sum of logarithms, so its
numbers must be ordered by theirs first.
"""

from __future__ import annotations

import numpy as np

from gengap.base.errors import UsageError

FEWEST = 3


def wave_power(table: np.ndarray) -> np.ndarray:
    """Shares of power by frequency, ``(p, ...)`` to ``(p // 2, ...)``, frequency 1 first.

    A column that is constant has zeros.

    Raises:
        UsageError: fewer than three rows.
    """
    values = np.asarray(table, np.float64)
    if len(values) < FEWEST:
        raise UsageError(f"A wave needs three numbers or more; the table has {len(values)} rows.")
    power = np.abs(np.fft.rfft(values, axis=0)[1:]) ** 2
    if len(values) % 2 == 0:
        power[-1] /= 2  # the highest frequency is its own mirror image, others count twice
    # A constant column leaves what rounding leaves of it.
    rounding = np.finfo(np.float32).eps * np.square(values).sum(0)
    total = power.sum(0)
    return np.where(total > rounding, power / np.where(total > 0, total, 1), 0.0)


def participation(table: np.ndarray) -> np.ndarray:
    """Inverse participation ratio of each column, ``(p, ...)`` to ``(...)``; 0 of a constant one.

    Example:
        >>> angle = 2 * np.pi * np.arange(11) / 11
        >>> participation(np.stack([np.cos(3 * angle + 1), np.eye(11)[4]], 1)).round(2)
        array([1. , 0.2])
    """
    return np.asarray((wave_power(table) ** 2).sum(0))


def memorising_units(*tables: np.ndarray, level: float = 0.5) -> np.ndarray:
    """Which units are no waves, ``(w,)`` bool: those whose mean ratio is below a level.

    Args:
        tables: ``(p, w)`` each, weights of the same ``w`` units for each number, on every side
            where numbers come in or go out.
        level: half of what a single wave has.
    """
    return np.asarray(np.mean([participation(table) for table in tables], axis=0) < level)
