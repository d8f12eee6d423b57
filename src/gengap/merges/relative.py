"""Relative representations: encodings by their angles to anchors, so that networks fit together.

Networks trained from different starts encode the same inputs in spaces that differ by little more
than a rotation and a scale. The *relative representation* of ``x`` is

    r(x)_j = cos(e(x), e(a_j)),        a_1 ... a_m the anchors, some inputs fixed once,

which a rotation, a reflection and a scale of the encoder leave as it is. A head trained on relative
representations of one encoder so works on those of another without any training: *stitching*.
Where the head reads encodings themselves, :func:`translation` gives the rotation and scale that
carry one encoder's anchors to another's.

Helps to compare networks and to join parts of them. Hurts where lengths of encodings matter, which
relative representations drop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.errors import UsageError


def relative(encodings: Tensor, anchors: Tensor) -> Tensor:
    """Cosines with the anchors.

    Args:
        encodings: ``(n, d)``.
        anchors: ``(m, d)``, encoded by the same network.

    Returns:
        ``(n, m)``; 0 where an encoding is.
    """
    unit = torch.nn.functional.normalize
    return unit(encodings, dim=-1) @ unit(anchors, dim=-1).T


def stitched(
    encode: Callable[[Tensor], Tensor], head: Callable[[Tensor], Tensor], anchors: Tensor
) -> Callable[[Tensor], Tensor]:
    """One network's encoder under a head that was trained on another's relative representations.

    Args:
        encode: of inputs ``(n, *shape)`` to ``(n, d)``.
        head: of relative representations ``(n, m)`` to answers.
        anchors: the inputs ``(m, *shape)`` that the head was trained with, in the same order.
    """
    places = encode(anchors).detach()
    return lambda x: head(relative(encode(x), places))


@dataclass(frozen=True)
class Translation:
    """A rotation, maybe with a reflection, a scale and a shift.

    Attributes:
        turn: ``(d, e)`` with orthonormal columns or rows.
        scale: factor.
        origin: ``(d,)`` mean of what is translated.
        target: ``(e,)`` mean of where it goes.
    """

    turn: Tensor
    scale: float
    origin: Tensor
    target: Tensor

    def __call__(self, encodings: Tensor) -> Tensor:
        """Encodings ``(n, d)`` as the other network would have them ``(n, e)``."""
        return self.scale * (encodings - self.origin) @ self.turn + self.target


def translation(anchors: Tensor, others: Tensor) -> Translation:
    """What carries anchors nearest to the same anchors as another network encodes them.

    Orthogonal Procrustes: with ``A`` and ``B`` centred and ``A'B = U S V'`` the turn is ``U V'``
    and the scale ``tr S / |A|²``.

    Args:
        anchors: ``(m, d)``.
        others: ``(m, e)``.

    Raises:
        UsageError: numbers of anchors differ, or all are encoded alike.
    """
    if len(anchors) != len(others):
        raise UsageError(
            f"There are {len(anchors)} anchors and {len(others)} of the other network; encode the "
            "same inputs with both."
        )
    origin, target = anchors.mean(0), others.mean(0)
    a, b = anchors - origin, others - target
    size = float(a.square().sum())
    if not size:
        raise UsageError("All anchors are encoded alike; choose inputs that differ.")
    u, s, v = torch.linalg.svd(a.T @ b, full_matrices=False)
    return Translation(u @ v, float(s.sum()) / size, origin, target)
