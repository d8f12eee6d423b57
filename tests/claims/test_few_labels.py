"""What a claim about few labels trains on and asks about."""

from __future__ import annotations

import numpy as np

from gengap.claims.few_labels import EACH, KNOWN, UNLABELLED, few_labels


def test_labels_are_of_known_digits_and_nothing_asked_was_seen() -> None:
    data, X, y = few_labels(0)
    labelled = data.environment == 0
    assert np.bincount(data.y[labelled], minlength=KNOWN + 1).tolist() == [EACH] * KNOWN + [0]
    assert (data.y[~labelled] == KNOWN).sum() == UNLABELLED
    assert (data.y[~labelled] < KNOWN).sum() == UNLABELLED
    assert y.max() < KNOWN
    seen = {image.tobytes() for image in np.asarray(data.X)}
    assert not any(image.tobytes() in seen for image in X)
