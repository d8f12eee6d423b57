"""Fashion-MNIST under rotation or corruption, read from its IDX files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.suites import suite
from gengap.environments.suites.drawing import at_least_one, deal
from gengap.environments.suites.images import CORRUPTIONS, corrupt, rotate

DEBIAN_PATH = "/usr/share/datasets/fashion-mnist"
ANGLES = (0, 15, 30, 45, 60, 75)
CLASSES = (
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


@suite(
    "fashion",
    summary="Ten kinds of clothes, 28 x 28 pixels, rotated by 0 to 75 degrees or corrupted.",
    source="Fashion-MNIST: Xiao et al. 2017, https://arxiv.org/abs/1708.07747",
    needs="Fashion-MNIST's IDX files: apt-get install dataset-fashion-mnist, or path=FOLDER",
)
def fashion(
    path: str = DEBIAN_PATH,
    n: int = 1000,
    shift: Literal["rotation", "corruption"] = "rotation",
    seed: int = 0,
) -> Environments:
    """Load clothes from the training part; each image is in one environment only.

    Args:
        path: folder with ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte``, compressed
            (``.gz``) or not.
        n: images per environment, at most 10,000; the default draws 6,000 images.
        shift: ``"rotation"``: environments 0, 15, ... 75 degrees. ``"corruption"``: clean, noise,
            blur, contrast, occlusion and pixelate (see ``suites.images``).
        seed: decides which images are drawn, where they go, and the corruption.

    Returns:
        ``X (6 n, 1, 28, 28)`` float32 in 0..1, ``y`` the kind of clothes; factors ``angle`` or
        ``corruption``, and ``position``, the place in the file.

    Raises:
        UsageError: the files are not in ``path``, or hold fewer images than asked for.
    """
    # Imported here because listing the suites should not wait for all readers.
    from gengap.environments.idx import read_idx

    at_least_one(n)
    images = read_idx(_find(path, "train-images-idx3-ubyte"))
    labels = read_idx(_find(path, "train-labels-idx1-ubyte")).astype(np.int64)
    kinds = np.asarray(ANGLES if shift == "rotation" else list(CORRUPTIONS))
    rng = np.random.default_rng(seed)
    part = deal(labels, len(kinds), rng)
    rows = [np.flatnonzero(part == k) for k in range(len(kinds))]
    least = min(len(mine) for mine in rows)
    if n > least:
        raise UsageError(
            f"n={n} images in each of {len(kinds)} environments are more than {path} holds; "
            f"use n={least} or less."
        )
    rows = [np.sort(rng.permutation(mine)[:n]) for mine in rows]
    pixels = [images[mine].astype(np.float32) / 255 for mine in rows]
    if shift == "rotation":
        shifted = [rotate(stack, angle) for stack, angle in zip(pixels, ANGLES, strict=True)]
    else:
        shifted = [
            corrupt(stack, kind, rng) for stack, kind in zip(pixels, CORRUPTIONS, strict=True)
        ]
    place = np.concatenate(rows)
    environment = np.repeat(kinds, n)
    return Environments.from_arrays(
        np.concatenate(shifted)[:, None],
        np.asarray(CLASSES)[labels[place]],
        environment,
        factors={"angle" if shift == "rotation" else "corruption": environment, "position": place},
        task="classification",
        name=f"fashion-{shift}",
    )


def _find(path: str, stem: str) -> Path:
    """Find a file of Fashion-MNIST, compressed or not."""
    for suffix in ("", ".gz"):
        file = Path(path).expanduser() / f"{stem}{suffix}"
        if file.is_file():
            return file
    raise UsageError(
        f"There is no {stem}[.gz] in {path}; install Debian's files with apt-get install "
        "dataset-fashion-mnist, or name their folder with fashion:path=FOLDER."
    )
