r"""Least squares of the two-way layout of examples and runs, within many environments at once.

An entry is a value of example ``i`` under run ``s`` in environment ``e``,

    d_esi = mu_i + a_es + v_esi.

With the examples' means eliminated, the normal equations of the runs' effects are ``L a = b``,

    L = diag(n_s) - sum_i m_i m_i' / t_i,    b_s = sum_i (d_esi - mean_i),

where ``m_is`` counts example ``i`` under run ``s``, ``t_i = sum_s m_is`` and ``n_s = sum_i m_is``.
``L`` is the Laplacian of the runs, joined by the examples that they share: its second smallest
eigenvalue is 0 where they fall into groups that share none, so that no effect can be compared
across them. The effects are those of least norm, ``L^+ b``, and the residual sum of squares is that
of the eliminated values less ``b' a``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Layouts:
    """Fits of ``K`` environments with ``S`` runs each; all 0 where runs could not be compared.

    Attributes:
        effects: ``(K, S)`` effect of each run, centred over those present; 0 where absent.
        present: ``(K, S)`` whether the effect is known.
        unit: ``(K,)`` sampling variance of the effects' sample variance, per residual variance:
            ``tr(L^+) / (runs - 1)``.
        residual: ``(K,)`` residual sum of squares.
        free: ``(K,)`` its degrees of freedom.
    """

    effects: np.ndarray
    present: np.ndarray
    unit: np.ndarray
    residual: np.ndarray
    free: np.ndarray


def fit_layouts(
    values: np.ndarray,
    environment: np.ndarray,
    run: np.ndarray,
    example: np.ndarray,
    shape: tuple[int, int],
) -> Layouts:
    """Fit every environment's layout.

    Args:
        values: ``(N,)`` the entries.
        environment: ``(N,)`` of each entry, in ``0 ... K - 1``.
        run: ``(N,)`` run of each entry, in ``0 ... S - 1``.
        example: ``(N,)`` code of the example of each entry.
        shape: ``K``, the number of environments, and ``S``, that of runs.
    """
    K, S = shape
    used = np.bincount(environment * S + run, minlength=K * S).reshape(K, S) > 0
    runs, entries = used.sum(axis=1), np.bincount(environment, minlength=K)
    # Runs are numbered within their environment, so that those with as many are solved together.
    column = environment * S + (np.cumsum(used, axis=1) - 1)[environment, run]
    names, example = np.unique(example, return_inverse=True)
    groups, i, times = np.unique(
        environment * max(len(names), 1) + example, return_inverse=True, return_counts=True
    )
    within = values - (np.bincount(i, values) / times)[i] if len(values) else values
    sums = np.bincount(column, within, K * S).reshape(K, S)
    squares = np.bincount(environment, within**2, K)
    free = entries - np.bincount(groups // max(len(names), 1), minlength=K) - (runs - 1)
    largest = np.zeros(K)
    np.maximum.at(largest, environment, np.abs(values))
    laplacians = _laplacians(column, i, times, K, S)

    effects, present = np.zeros((K, S)), np.zeros((K, S), bool)
    unit, residual, degrees = np.zeros(K), np.zeros(K), np.zeros(K)
    for count in np.unique(runs[runs > 1]).tolist():
        own = np.flatnonzero(runs == count)
        matrices = laplacians[own, :count, :count]
        joined = np.linalg.eigvalsh(matrices)[:, 1] >= 1e-9 * entries[own]
        own, matrices = own[joined], matrices[joined]
        inverses = np.linalg.pinv(matrices, rcond=1e-10, hermitian=True)
        found = np.einsum("kst,kt->ks", inverses, sums[own, :count])
        found = np.where(np.abs(found) <= 1e-12 * largest[own, None], 0.0, found)
        explained = np.einsum("ks,ks->k", sums[own, :count], found)
        residual[own] = np.maximum(squares[own] - explained, 0.0)
        unit[own] = np.trace(inverses, axis1=1, axis2=2) / (count - 1)
        degrees[own] = free[own]
        k, s = np.nonzero(used[own])
        effects[own[k], s] = (found - found.mean(axis=1, keepdims=True)).ravel()
        present[own] = used[own]
    return Layouts(effects, present, unit, residual, degrees)


def _laplacians(
    column: np.ndarray, group: np.ndarray, times: np.ndarray, K: int, S: int
) -> np.ndarray:
    """``L`` of every environment ``(K, S, S)``; 0 beyond its runs."""
    counts = np.bincount(column, minlength=K * S).reshape(K, S)
    found = counts[:, :, None] * np.eye(S)
    shape = len(times), K * S
    scaled = sparse.csr_matrix((1 / np.sqrt(times[group]), (group, column)), shape=shape)
    shared = (scaled.T @ scaled).tocoo()
    np.subtract.at(found, (shared.row // S, shared.row % S, shared.col % S), shared.data)
    return found
