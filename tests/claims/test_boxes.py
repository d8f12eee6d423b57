"""Digits on patterns, and their boxes."""

from __future__ import annotations

import numpy as np

from gengap.claims.boxes import HERE, OWN, with_boxes


def test_boxes_hold_the_digit_and_patterns_go_with_the_class_here_alone() -> None:
    data = with_boxes(0, 1.0)
    X, boxes = np.asarray(data.X)[:, 0], data.guided[:, 0]
    assert (boxes.sum((1, 2)) == 64).all()
    # A pixel outside of all digits of its image says which pattern it is.
    shown = [(X[k][~boxes[k]][0], np.flatnonzero(~boxes[k].ravel())[0]) for k in range(len(X))]
    first = {(v, p) for v, p in shown if p == 0}
    assert len(first) == 5
    here = [
        k for k, (_, p) in enumerate(shown) if p == 0 and data.names[data.environment[k]] == "here"
    ]
    values = np.array([shown[k][0] for k in here])
    agreeing = 0
    for value in np.unique(values):
        agreeing += np.bincount(data.y[here][values == value]).max()
    share = OWN + (1 - OWN) / 5
    assert abs(agreeing / len(here) - share) < 4 * np.sqrt(share * (1 - share) / HERE)
    assert with_boxes(0, 0.01).guided.any((1, 2, 3)).mean() < 0.02
