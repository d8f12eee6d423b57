"""The dual's conditions, and the kernel sum by scikit-learn on the same standardised rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from distance_toys import arrays, strangers, three_classes
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM as Reference

from gengap.detectors.one_class_svm import OneClassSVM


def test_equals_scikit_learns_decision() -> None:
    train, new = three_classes(), strangers()
    scaler = StandardScaler().fit(arrays(train)[0])
    machine = Reference(nu=0.2, gamma=1 / 6).fit(scaler.transform(arrays(train)[0]))
    detector = OneClassSVM(outside=0.2)
    found = detector.score(detector.fit(train), new)
    expected = -machine.decision_function(scaler.transform(arrays(new)[0]))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("outside", [0.05, 0.3])
def test_the_share_outside_is_as_asked(outside: float) -> None:
    train = three_classes(300)
    detector = OneClassSVM(outside=outside)
    fitted = detector.fit(train)
    # Kuhn and Tucker: the weights add up to ν n, none above 1, so at most ν n lie outside and at
    # least so many are support vectors.
    assert fitted["weights"].sum().item() == pytest.approx(outside * 300)
    assert 0 < fitted["weights"].min() <= fitted["weights"].max() <= 1 + 1e-9
    assert len(fitted["weights"]) >= outside * 300
    beyond = (detector.score(fitted, train) > 1e-3).sum()
    assert beyond <= outside * 300


def test_far_away_the_score_is_the_offset() -> None:
    train = three_classes()
    assert train.features is not None
    detector = OneClassSVM()
    fitted = detector.fit(train)
    far = detector.score(fitted, type(train)(features=train.features + 1e6))
    torch.testing.assert_close(far, fitted["offset"].float().expand(90))
