"""Handwritten digits of scikit-learn: by writer, rotated and coloured.

``load_digits`` holds 1,797 digits of 8 x 8 pixels, the test part of the UCI set optdigits
(Alpaydin and Kaynak 1998, https://doi.org/10.24432/C50P49). They are in the order of the forms
they were written on. Every form asks for the same 130 digits, three runs of 0..9 and then a fixed
jumble, and a few digits of most forms are missing. Read as such, the file falls into fourteen
forms: each is a subsequence of the 130 digits of the first, except that the last digit of the
third form reads 3 instead of 8. (Row 905, an 8, ends the seventh form; the eighth lacks its first
0 and begins with the 1 of row 906.) UCI speaks of thirteen people for these digits, so one of
them may have filled two forms.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.suites import suite
from gengap.environments.suites.drawing import deal, thin
from gengap.environments.suites.images import rotate
from gengap.environments.suites.truth import distinct

FORM_STARTS = (0, 130, 256, 386, 516, 646, 776, 906, 1029, 1157, 1287, 1415, 1545, 1667)
SOURCE = "scikit-learn's load_digits: UCI optdigits, Alpaydin and Kaynak 1998"


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return images ``(1797, 8, 8)`` float32 in 0..1 and digits ``(1797,)``, in file order."""
    # Imported here because listing the suites should not wait for scikit-learn.
    from sklearn.datasets import load_digits

    data = load_digits()
    return (data.images / 16).astype(np.float32), data.target.astype(np.int64)


@suite("digits-writers", summary="Digits 0..9 from fourteen writers' forms.", source=SOURCE)
def digits_writers(
    n: int | None = None,
    seed: int = 0,
    classes: tuple[int, ...] = tuple(range(10)),
    writers: tuple[int, ...] = tuple(range(14)),
) -> Environments:
    """Load the digits with the form they were written on as environment.

    Args:
        classes: which of the digits.
        writers: which of the forms; what others wrote can be trained on beforehand.
        n: keep at most this many per writer; None keeps all, 122 to 130.
        seed: decides which are kept.

    Returns:
        ``X (1797, 1, 8, 8)`` float32 in 0..1, ``y`` the digit; environments ``"writer 00"`` ...
        ``"writer 13"``; factor ``position``, the place in the file.
    """
    images, y = digits()
    place = np.arange(len(y))
    form = np.searchsorted(FORM_STARTS, place, side="right") - 1
    for name, chosen, many in (("classes", classes, 10), ("writers", writers, len(FORM_STARTS))):
        distinct(chosen, name)
        if not set(chosen) <= set(range(many)):
            raise UsageError(f"{name} are numbers from 0 to {many - 1}, not {list(chosen)}.")
    place = place[np.isin(y, classes) & np.isin(form, writers)]
    environments = Environments.from_arrays(
        images[place, None],
        y[place],
        [f"writer {k:02d}" for k in form[place]],
        factors={"position": place},
        task="classification",
        name="digits-writers",
    )
    return thin(replace(environments, kind="writer"), n, seed)


@suite(
    "digits-writers-shuffled",
    summary="Placebo: the same digits, writers assigned at random; unseen must cost nothing.",
    source=SOURCE,
)
def digits_writers_shuffled(n: int | None = None, seed: int = 0) -> Environments:
    """Load :func:`digits_writers` with the environment labels permuted.

    Examples, order, and the number of examples per environment stay as they are.

    Args:
        n: keep at most this many per environment; None keeps all.
        seed: decides the permutation, and which are kept.
    """
    environments = digits_writers()
    rng = np.random.default_rng(seed)
    shuffled = replace(
        environments,
        environment=rng.permutation(environments.environment),
        name="digits-writers-shuffled",
        notes=("The writers were assigned to the digits at random.",),
    )
    return thin(shuffled, n, seed)


@suite("digits-rotated", summary="Digits 0..9 rotated by 0 to 75 degrees.", source=SOURCE)
def digits_rotated(
    n: int | None = None,
    angles: tuple[float, ...] = (0, 15, 30, 45, 60, 75),
    disjoint: bool = True,
    seed: int = 0,
) -> Environments:
    """Rotate the digits; one angle, one environment.

    Rotation is counter-clockwise and bilinear (see ``images.rotate``).

    Args:
        n: keep at most this many per angle; None keeps all.
        angles: in degrees.
        disjoint: give every digit to one angle only, the digits 0..9 equally often to each, so
            that no example recurs. False rotates all 1,797 to every angle.
        seed: decides which digit is rotated to which angle.

    Returns:
        ``X (n, 1, 8, 8)`` float32 in 0..1, ``y`` the digit; factors ``angle``, and ``position``,
        the place in scikit-learn's file.
    """
    distinct(angles, "angles")
    images, y = digits()
    part = deal(y, len(angles), np.random.default_rng(seed))
    rows = [
        np.flatnonzero(part == k) if disjoint else np.arange(len(y)) for k in range(len(angles))
    ]
    place = np.concatenate(rows)
    angle = np.repeat(np.asarray(angles, dtype=float), [len(mine) for mine in rows])
    turned = [rotate(images[mine], degrees) for mine, degrees in zip(rows, angles, strict=True)]
    environments = Environments.from_arrays(
        np.concatenate(turned)[:, None],
        y[place],
        angle,
        factors={"angle": angle, "position": place},
        task="classification",
        name="digits-rotated",
        notes=() if disjoint else ("Every digit recurs in every environment.",),
    )
    return thin(environments, n, seed)


@suite(
    "digits-coloured",
    summary="Is the digit 5 or more? The colour says so more reliably, until it lies.",
    source="ColoredMNIST's construction (Arjovsky et al. 2019, https://arxiv.org/abs/1907.02893) "
    "on scikit-learn's load_digits",
    default_splits="hold-out:agree 0.1",
)
def digits_coloured(
    n: int | None = None,
    agreements: tuple[float, ...] = (0.9, 0.8, 0.1),
    label_noise: float = 0.25,
    seed: int = 0,
) -> Environments:
    """Colour the digits as ColoredMNIST does.

    The target is whether the digit is 5 or more, turned round with probability ``label_noise``.
    The colour agrees with that noisy target with the environment's probability: red is drawn in
    the first channel and agrees with class 1, green in the second. Shape alone cannot predict
    better than ``1 - label_noise``, colour alone predicts at the rate of agreement. Each digit is
    in one environment only.

    Args:
        n: keep at most this many per environment; None keeps all, 599.
        agreements: one environment each.
        label_noise: probability that the target is turned round.
        seed: decides everything drawn.

    Returns:
        ``X (1797, 2, 8, 8)`` float32 in 0..1, ``y`` 0 or 1; environments ``"agree 0.9"`` ...;
        factors ``colour`` (green, red), ``digit``, and ``position``, the place in the file.
    """
    distinct(agreements, "agreements")
    if not all(0 <= p <= 1 for p in (*agreements, label_noise)):
        raise UsageError("agreements and label_noise are probabilities; give numbers from 0 to 1.")
    images, digit = digits()
    rng = np.random.default_rng(seed)
    part = deal(digit, len(agreements), rng)
    y = (digit >= 5) ^ (rng.random(len(digit)) < label_noise)
    red = y ^ (rng.random(len(digit)) >= np.asarray(agreements)[part])
    X = np.zeros((len(digit), 2, *images.shape[1:]), dtype=np.float32)
    X[np.arange(len(digit)), np.where(red, 0, 1)] = images
    environments = Environments.from_arrays(
        X,
        y.astype(np.int64),
        [f"agree {agreements[k]:g}" for k in part],
        factors={
            "colour": np.where(red, "red", "green"),
            "digit": digit,
            "position": np.arange(len(digit)),
        },
        task="classification",
        name="digits-coloured",
    )
    return thin(environments, n, seed)
