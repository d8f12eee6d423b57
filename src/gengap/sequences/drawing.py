"""Which pairs are trained on in each step: at a time those of about one length, so few are padded.

A step has one width, the same for all runs that are trained together, drawn in proportion to how
many pairs have it; every slot is then filled with pairs of that width from one of the run's
environments. Which width a step has depends on its number and on the longest pair of a run alone,
so a run is the same whichever others it trains beside.
"""

from __future__ import annotations

import numpy as np

from gengap.base.seeds import generator
from gengap.training.tasks import Task


def step_widths(widths: np.ndarray, longest: int, steps: int) -> np.ndarray:
    """The width of each step, ``(steps,)``.

    Args:
        widths: ``(n,)`` of all pairs of the problem.
        longest: width of the longest pair of the runs.
    """
    values, counts = np.unique(widths[widths <= longest], return_counts=True)
    draw = generator(0, "widths", longest)
    return draw.choice(values, size=steps, p=counts / counts.sum())


def draw_pairs(
    task: Task, widths: np.ndarray, at: np.ndarray, slots: int, batch: int
) -> tuple[np.ndarray, np.ndarray]:
    """Every step's pairs ``(steps, slots, batch)`` and environments ``(steps, slots)``.

    A run without any pair of a step's width is given the nearest below, or else above. Pairs of an
    environment and a width are walked through in the task's order: shuffled, anew each time they
    run out, unless its method asks for another.

    Args:
        widths: ``(n,)`` of all pairs.
        at: ``(steps,)`` width of each step.
    """
    draw = generator(task.run.seed, "batches", task.run.split, task.run.left_out)
    by_width = [
        {int(w): own[widths[own] == w] for w in np.unique(widths[own])} for own in task.train
    ]
    known = np.array(sorted({width for own in by_width for width in own}))
    nearest = known[np.maximum(np.searchsorted(known, at, side="right") - 1, 0)]
    rows = np.empty((len(at), slots, batch), np.int32)
    environment = np.empty((len(at), slots), np.int32)
    for width in known:
        steps = np.flatnonzero(nearest == width)
        having = np.array([k for k, own in enumerate(by_width) if width in own])
        chosen = _dealt(draw, having, len(steps), slots)
        environment[steps] = chosen
        for k in having:
            step, slot = np.nonzero(chosen == k)
            own = by_width[k][int(width)]
            rows[steps[step], slot] = task.order(draw, own, steps[step] / len(at), batch)
    return rows, environment


def _dealt(draw: np.random.Generator, having: np.ndarray, steps: int, slots: int) -> np.ndarray:
    """Environments ``(steps, slots)``, in each step all of some before any of them again."""
    order = draw.random((steps, len(having))).argsort(1)
    return having[order[:, np.arange(slots) % len(having)]]
