"""Grid levels as small pictures, on painted floors that have nothing to do with the task.

A cell is ``p`` by ``p`` pixels of three colours between 0 and 1, the outermost walls left away:

    floor   what its background paints there: a colour for each cell, speckled pixel by pixel
    wall    black
    goal    a green diagonal cross on the floor
    agent   a white upright cross on the floor

All that matters looks the same on every background, so that an agent that knows what to look at
loses nothing on a floor it has never seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gengap.control.grids import Cells

WHITE, GREEN, BLACK = (1.0, 1.0, 1.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0)
FAINTEST, BRIGHTEST, SPECKLE = 0.15, 0.85, 0.1


def backgrounds(draws: Sequence[np.random.Generator], side: int, pixels: int) -> np.ndarray:
    """``(B, 3, side p, side p)`` float32, a background of each generator."""
    found = []
    for draw in draws:
        of_cells = draw.uniform(FAINTEST, BRIGHTEST, (3, side, side))
        fine = of_cells.repeat(pixels, 1).repeat(pixels, 2)
        found.append(fine + draw.uniform(-SPECKLE, SPECKLE, fine.shape))
    return np.stack(found).astype(np.float32)


def painted(cells: Cells, goal: np.ndarray, floors: np.ndarray, pixels: int) -> np.ndarray:
    """``(L, B, C, 3, h, w)`` float32, each level on each background, seen from each of its cells.

    Args:
        cells: where one can walk; walls all around.
        goal: ``(L,)`` numbers of cells.
        floors: ``(B, 3, h, w)`` of :func:`backgrounds`.
        pixels: of a cell's side.
    """
    upright, diagonal = crosses(pixels)
    free = cells.free[:, 1:-1, 1:-1].repeat(pixels, 1).repeat(pixels, 2)
    place = cells.place - 1
    levels, count = place.shape[:2]
    found = np.where(free[:, None, None], floors[None], _colour(BLACK)[:, None, None])
    aim = place[np.arange(levels), goal]
    for level in range(levels):
        _stamp(found[level], aim[level], diagonal, GREEN)
    found = np.repeat(found[:, :, None], count, 2)
    for level, state in np.argwhere(np.arange(count) < cells.count[:, None]):
        _stamp(found[level, :, state], place[level, state], upright, WHITE)
    found[np.broadcast_to((np.arange(count) >= cells.count[:, None])[:, None], found.shape[:3])] = 0
    return found.astype(np.float32)


def crosses(pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """An upright and a diagonal cross, ``(p, p)`` bool each."""
    row, column = np.indices((pixels, pixels))
    middle = pixels // 2
    return (row == middle) | (column == middle), (row == column) | (row + column == pixels - 1)


def _stamp(
    pictures: np.ndarray, place: np.ndarray, shape: np.ndarray, colour: Sequence[float]
) -> None:
    """Draw a shape into one cell of pictures ``(..., 3, h, w)``, in place."""
    pixels = len(shape)
    row, column = place * pixels
    cell = pictures[..., row : row + pixels, column : column + pixels]
    cell[...] = np.where(shape, _colour(colour)[:, None, None], cell)


def _colour(values: Sequence[float]) -> np.ndarray:
    return np.asarray(values, np.float32)
