"""Orthogonal low-rank groups: a few directions of each change, at right angles to the others'.

Write the change of a weight matrix as a low-rank adapter, ``θ_k - θ_base ≈ B_k A_k`` with ``B_k``
``(out, r)`` and ``A_k`` ``(r, in)``. PEGO (Hu et al. 2024) trains a group of such adapters on one
base and penalises what is not at right angles: adapters to each other, so that they learn different
things, and to the base, so that what it knows stays. That is a way to train,
:mod:`gengap.methods.orthogonal_adapters`.

As a merge of models that were fine-tuned without it, the penalty becomes a constraint (as in
Gargiulo et al. 2024, arXiv:2412.00081). With the ``r`` largest singular values of each change,
``U_k S_k V_k'``, all ``U_k`` side by side are replaced by the orthonormal columns that are nearest,
larger singular values counting more, and so are all ``V_k``:

    U = [U_1 S_1 ... U_K S_K],   U⊥ = U (U'U)^{-1/2},     θ = θ_base + λ Σ_k U⊥_k S_k V⊥_k'.

Changes at right angles are added whole, and one that all models share is counted once and not ``K``
times. Tensors that are no matrices, and those of one row or column, in which no two directions are
at right angles, get the mean change. Hurts where changes are of full rank, as after long training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.merges.base import Merge, Place
from gengap.merges.registry import BASE, register_merge


@register_merge(
    "orthogonal-groups",
    summary="a few directions of each change, turned to right angles and added",
    paper=Paper(
        "Learn to preserve and diversify: parameter-efficient group with orthogonal regularization "
        "for domain generalization",
        "Hu, Zhang, Qi, Shi, Gao",
        2024,
        "https://arxiv.org/abs/2407.15085",
    ),
    needs=(BASE,),
)
@dataclass(frozen=True)
class OrthogonalGroups(Merge):
    """Low-rank changes made orthogonal."""

    rank: int = hyperparameter(8, 1, 32, help="directions of each model's change that stay")
    scale: float = hyperparameter(1.0, 0.3, 1.0, help="multiple of what was merged")

    def tensor(self, given: Sequence[Tensor], base: Tensor | None, at: Place) -> Tensor:
        """Models that count more come with larger singular values."""
        assert base is not None
        counts = [len(given) * weight for weight in at.weights]
        changes = [tensor - base for tensor in given]
        if base.ndim < 2 or min(len(base), base[0].numel()) < 2:
            mean = sum(change * weight for change, weight in zip(changes, at.weights, strict=True))
            return base + self.scale * mean
        matrices = [change.reshape(len(base), -1) for change in changes]
        merged = group(matrices, max(round(self.rank), 1), counts)
        return base + self.scale * merged.reshape(base.shape)


def group(changes: Sequence[Tensor], rank: int, counts: Sequence[float]) -> Tensor:
    """The sum of low-rank parts ``(out, in)``, their directions made orthogonal.

    Args:
        changes: ``(out, in)`` each.
        rank: at most ``min(out, in) / K`` and at least 1.
        counts: factor of each.
    """
    rank = max(min(rank, min(changes[0].shape) // len(changes)), 1)
    parts = [torch.linalg.svd(change, full_matrices=False) for change in changes]
    sizes = torch.cat([s[:rank] * count for (_, s, _), count in zip(parts, counts, strict=True)])
    left = orthogonal(torch.cat([u[:, :rank] for u, _, _ in parts], 1) * sizes)
    right = orthogonal(torch.cat([v[:rank].T for _, _, v in parts], 1) * sizes)
    return (left * sizes) @ right.T


def orthogonal(columns: Tensor) -> Tensor:
    """The nearest orthonormal columns, long ones counting more; those that coincide share one."""
    u, s, v = torch.linalg.svd(columns, full_matrices=False)
    inside = s > s.max() * max(columns.shape) * torch.finfo(s.dtype).eps
    return (u[:, inside]) @ v[inside]
