"""Temperature scaling against SciPy's minimiser, closed forms and known temperatures."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from detector_toys import complaint, outputs_of_logits, random_logits
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from gengap.detectors.temperature import Temperature
from gengap.models.outputs import Outputs


def fitted(outputs: Outputs) -> float:
    return float(Temperature().fit(outputs)["temperature"])


def smoothed_loss(log_temperature: float, z: np.ndarray, y: np.ndarray) -> float:
    n, classes = z.shape
    targets = np.full((n, classes), 1 / (n + classes))
    targets[np.arange(n), y] = (n + 1) / (n + classes)
    return -float((targets * log_softmax(z / np.exp(log_temperature), 1)).sum())


@pytest.mark.parametrize("stretch", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("classes", [2, 7])
def test_minimises_the_loss(stretch: float, classes: int) -> None:
    outputs = random_logits(300, classes, scale=1.5)
    assert outputs.logits is not None
    assert outputs.labels is not None
    stretched = Outputs(outputs.logits * stretch, labels=outputs.labels)
    z, y = (outputs.logits * stretch).double().numpy(), outputs.labels.numpy()
    best = minimize_scalar(
        smoothed_loss, bounds=(log(0.01), log(100)), args=(z, y), options={"xatol": 1e-10}
    )
    assert fitted(stretched) == pytest.approx(np.exp(best.x), rel=1e-5)


def test_finds_a_known_temperature() -> None:
    """Labels were drawn from the softmax; the logits are then stretched by three."""
    outputs = random_logits(20_000, 5, scale=1.0)
    assert outputs.logits is not None
    assert fitted(outputs) == pytest.approx(1, abs=0.03)
    assert fitted(Outputs(3 * outputs.logits, labels=outputs.labels)) == pytest.approx(3, abs=0.1)


def test_closed_form_for_two_classes() -> None:
    """All leads are 2 and a share of 6/8 is right; Platt's target share solves the sigmoid.

    The smoothed share is ``(6 (n + 1) + 2) / (n (n + 2))`` with ``n = 8``: 56/80, and
    ``sigmoid(2 / T) = 0.7``.
    """
    outputs = outputs_of_logits([[2.0, 0.0], [0.0, 2.0]] * 4, [0, 1, 0, 1, 0, 1, 1, 0])
    assert fitted(outputs) == pytest.approx(2 / log(0.7 / 0.3), rel=1e-6)


def test_no_mistakes_and_nothing_but_mistakes() -> None:
    """Without mistakes the temperature stays positive; if the model is worse than chance, 100."""
    right = outputs_of_logits([[2.0, 0.0], [0.0, 2.0]] * 4, [0, 1] * 4)
    assert fitted(right) == pytest.approx(2 / log(9), rel=1e-6)
    wrong = outputs_of_logits([[2.0, 0.0], [0.0, 2.0]] * 4, [1, 0] * 4)
    assert fitted(wrong) == pytest.approx(100, rel=1e-6)


def test_logits_that_say_nothing_keep_a_finite_temperature() -> None:
    assert 0.01 <= fitted(outputs_of_logits([[3.0, 3.0]] * 6, [0, 1] * 3)) <= 100


def test_score_is_the_calibrated_chance_of_error() -> None:
    outputs = random_logits(50, 4)
    assert outputs.logits is not None
    known = {"temperature": torch.tensor(2.5)}
    found = Temperature().score(known, outputs)
    expected = 1 - softmax(outputs.logits.double().numpy() / 2.5, 1).max(1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_calibration_makes_the_stated_errors_add_up() -> None:
    """At the fitted temperature the mean stated chance of error is the share of errors."""
    outputs = random_logits(20_000, 5, scale=1.0)
    assert outputs.logits is not None
    hot = Outputs(4 * outputs.logits, labels=outputs.labels)
    stated = float(Temperature().score(Temperature().fit(hot), hot).mean())
    errors = float((outputs.logits.argmax(1) != outputs.labels).float().mean())
    assert stated == pytest.approx(errors, abs=0.01)


def test_labels_of_one_class_or_none_are_too_few() -> None:
    told = complaint(lambda: fitted(outputs_of_logits([[1.0, 0.0]] * 3, [0, 0, 0])))
    assert told is not None
    assert "two classes" in told
    assert complaint(lambda: fitted(outputs_of_logits([[1.0, 0.0]] * 3)))
