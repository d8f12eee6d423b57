"""Betting against exchangeability: evidence that may be looked at after every example.

Scores arrive one after another, after ``n`` calibration scores. Score ``t`` is ranked among all
before it and itself, ties broken at random:

    p_t = (#{i < n + t : s_i > s_t} + u_t #{i <= n + t : s_i = s_t}) / (n + t),    u_t uniform.

If calibration and stream are exchangeable, the ``p_t`` are independent and uniform on (0, 1]: that
is what makes betting fair for ever. Ranks among the ``n`` calibration scores *alone* are not: these
are all off by what the calibration scores happen to be off, and on a long stream the bets below
learn that. With 200 of them, 20% of streams of 5,000 raised a false alarm at a promised 5%.

A bet ``f_e(p) = e p^(e - 1)``, ``0 < e < 1``, pays when ``p`` is small, that is when scores are
larger, and has mean 1 under uniformity. When a change will come and how large it will be are
unknown, so the unit of capital is spread over both: part ``w_k`` of it wakes at example ``k`` and
is shared equally by the exponents,

    M_t = A_t + sum_{k <= t} w_k mean_e prod_{i = k..t} f_e(p_i),
    A_t = 1 / (1 + log2(1 + t)),      w_k = A_{k-1} - A_k.

``M`` is a martingale from 1, never negative, so by Ville's inequality ``P(sup_t M_t >= 1 / alpha)
<= alpha`` over an endless stream, however often one looks; ``1 / max M`` is a p-value at all times.
What sleeps is never lost, so a change after ``t`` quiet examples costs only about
``log t + 2 log log t`` of log capital, where a bettor who stays awake would have lost nearly all.

It hurts that the bag takes in what it judges: a change that came before there were many normal
scores soon looks normal, and evidence then falls again (the alarm stays). Slow change and dependent
examples (a video, a sorted file) break exchangeability too: an alarm says that, not why.

Sources: V. Vovk, A. Gammerman & G. Shafer, Algorithmic learning in a random world, second edition,
Springer (2022), chapter 8; V. Vovk, Testing randomness online, Statistical Science 36 (2021),
595-611, arXiv:1906.09256; J. Ville, Étude critique de la notion de collectif, Gauthier-Villars
(1939). The spread over waking times is the Bayesian one of A. N. Shiryaev and S. W. Roberts with
weights that add up to 1.
"""

from __future__ import annotations

import numpy as np

EXPONENTS = np.array([0.2, 0.5, 0.8])


def sequential_p_values(bag: np.ndarray, scores: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """p-value ``(m,)`` of each score among those before it and itself.

    Args:
        bag: ``(n,)`` scores before these, ascending.
        scores: ``(m,)`` in order of arrival; time and memory grow by ``m^2``.
        uniform: ``(m,)`` numbers in (0, 1] that break ties.
    """
    first, last = (np.searchsorted(bag, scores, side) for side in ("left", "right"))
    earlier = np.tri(len(scores), k=-1, dtype=bool)
    above = len(bag) - last + np.sum((scores > scores[:, None]) & earlier, axis=1)
    equal = last - first + 1 + np.sum((scores == scores[:, None]) & earlier, axis=1)
    return np.asarray((above + uniform * equal) / (len(bag) + 1 + np.arange(len(scores))))


def asleep(t: np.ndarray) -> np.ndarray:
    """Share of the capital that has not been put to use after ``t`` examples."""
    return np.asarray(1 / (1 + np.log2(1.0 + t)))


def bet(
    p_values: np.ndarray, seen: int = 0, awake: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Log capital after each of the p-values, and what to go on with.

    Args:
        p_values: ``(..., m)`` in (0, 1], for one stream or several.
        seen: examples before these.
        awake: ``(..., 3)`` log capital in use per exponent, as returned for those; None at first.

    Returns:
        ``(..., m)`` log capital and ``(..., 3)`` log capital in use after the last.

    >>> np.exp(bet(np.array([0.25, 1.0]))[0]).round(4).tolist()  # 1/2 + 1/2 mean f(0.25); ...
    [0.9436, 0.6877]
    """
    p = np.asarray(p_values, dtype=np.float64)
    t = seen + np.arange(p.shape[-1] + 1)
    woken = np.log(-np.diff(asleep(t)) / len(EXPONENTS))
    gains = np.log(EXPONENTS)[:, None] + (EXPONENTS - 1)[:, None] * np.log(p)[..., None, :]
    total = np.cumsum(gains, axis=-1)
    # What wakes at k gains total_t - total_{k-1}: one running sum serves all waking times.
    parts = woken - (total - gains)
    if awake is not None:
        parts[..., 0] = np.logaddexp(parts[..., 0], awake)
    used = total + np.logaddexp.accumulate(parts, axis=-1)
    capital = np.logaddexp(np.log(asleep(t[1:])), np.logaddexp.reduce(used, axis=-2))
    return capital, used[..., -1]
