"""A curve that is learned, and the network's copy by numpy."""

from __future__ import annotations

import numpy as np
import torch
from distance_toys import arrays, strangers, three_classes

from gengap.detectors.autoencoder import Autoencoder
from gengap.models.outputs import Outputs


def test_the_copy_by_numpy() -> None:
    train, new = three_classes(), strangers()
    detector = Autoencoder(steps=5)
    fitted = detector.fit(train)
    w = {name: value.double().numpy() for name, value in fitted.items()}
    rows = (arrays(new)[0] - w["mean"]) / w["spread"]
    code = np.tanh(rows @ w["weight0"] + w["bias0"]) @ w["weight1"] + w["bias1"]
    assert code.shape == (20, 3)
    copy = np.tanh(code @ w["weight2"] + w["bias2"]) @ w["weight3"] + w["bias3"]
    expected = ((copy - rows) ** 2).mean(1)
    np.testing.assert_allclose(detector.score(fitted, new), expected, rtol=1e-3)


def test_what_lies_off_the_curve_is_strange() -> None:
    # A parabola has one dimension and is in no line: one unit can copy it, one component cannot.
    x = torch.linspace(-1, 1, 400)
    train = Outputs(features=torch.stack([x, x.square()], 1))
    detector = Autoencoder(code=0.5, steps=2000)
    fitted = detector.fit(train)
    on, off = torch.linspace(-0.9, 0.9, 50), torch.full((50,), 0.8)
    usual = detector.score(fitted, Outputs(features=torch.stack([on, on.square()], 1)))
    inside = torch.linspace(-0.4, 0.4, 50)
    strange = detector.score(fitted, Outputs(features=torch.stack([inside, off], 1)))
    # x and its square are uncorrelated: of two unit variances a component leaves one.
    component = 0.5
    assert usual.mean() < component / 2
    assert strange.mean() > 4 * usual.mean()
