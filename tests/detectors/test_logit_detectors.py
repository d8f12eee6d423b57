"""Detectors on logits: worked by hand, and against NumPy and SciPy in double precision."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
import torch
from detector_toys import auroc, blobs, complaint, outputs_of_logits, random_logits
from scipy.special import entr, logsumexp, rel_entr, softmax

from gengap.detectors.base import Detector
from gengap.detectors.energy import Energy
from gengap.detectors.entropy import Entropy
from gengap.detectors.generalised_entropy import GeneralisedEntropy
from gengap.detectors.kl_matching import KLMatching
from gengap.detectors.max_logit import MaximumLogit
from gengap.detectors.msp import MaximumSoftmaxProbability
from gengap.detectors.temperature import Temperature
from gengap.models.outputs import Outputs

LN2 = log(2)
# Probabilities (1/2, 1/4, 1/4), and a tie of two.
HAND = [[LN2, 0.0, 0.0], [5.0, 5.0, 5.0 - LN2]]


def scores(detector: Detector, outputs: Outputs, train: Outputs | None = None) -> np.ndarray:
    return detector.score(detector.fit(train or outputs), outputs).numpy()


@pytest.mark.parametrize(
    ("detector", "first", "second"),
    [
        (MaximumSoftmaxProbability(), 1 / 2, 3 / 5),
        (MaximumLogit(), -LN2, -5),
        (Energy(), -log(4), -5 - log(2.5)),
        (Energy(temperature=2), -2 * log(2 + 2**0.5), -10 - 2 * log(2 + 2**-0.5) + 5),
        (Entropy(), 1.5 * LN2, -0.8 * log(0.4) - 0.2 * log(0.2)),
        (GeneralisedEntropy(exponent=0.5), 1 / 2 + 2 * (3 / 16) ** 0.5, 2 * 0.24**0.5 + 0.4),
        (GeneralisedEntropy(exponent=0.5, classes=2), 1 / 2 + (3 / 16) ** 0.5, 2 * 0.24**0.5),
        (GeneralisedEntropy(exponent=1, classes=1), 1 / 4, 0.24),
    ],
)
def test_by_hand(detector: Detector, first: float, second: float) -> None:
    np.testing.assert_allclose(scores(detector, outputs_of_logits(HAND)), [first, second], 1e-6)


@pytest.mark.parametrize("classes", [2, 10, 150])
@pytest.mark.parametrize("scale", [0.01, 1.0, 6.0])
def test_against_double_precision(classes: int, scale: float) -> None:
    outputs = random_logits(400, classes, scale)
    assert outputs.logits is not None
    z = outputs.logits.double().numpy()
    p = softmax(z, 1)
    sure = -np.sort(-p, 1)[:, :100]
    doubt = np.sort(p, 1)[:, :-1].sum(1)
    leaks = np.concatenate([sure[:, :1] * doubt[:, None], sure[:, 1:] * (1 - sure[:, 1:])], 1)
    expected = {
        MaximumSoftmaxProbability(): doubt,
        MaximumLogit(): -z.max(1),
        Energy(): -logsumexp(z, 1),
        Energy(temperature=30.0): -30 * logsumexp(z / 30, 1),
        Entropy(): entr(p).sum(1),
        GeneralisedEntropy(): (leaks**0.1).sum(1),
    }
    for detector, wanted in expected.items():
        np.testing.assert_allclose(scores(detector, outputs), wanted, rtol=2e-5, atol=1e-7)


def test_confident_examples_do_not_tie() -> None:
    """In float32 the largest probability is 1 from a lead of 17 on."""
    leads = torch.arange(1.0, 80.0)
    outputs = Outputs(torch.stack([leads, 0 * leads, 0 * leads], 1))
    for detector in (MaximumSoftmaxProbability(), Entropy(), GeneralisedEntropy()):
        assert np.all(np.diff(scores(detector, outputs)) < 0)
    found = scores(MaximumSoftmaxProbability(), outputs)
    np.testing.assert_allclose(found[59], 2 * exp(-60), rtol=1e-5)


@pytest.mark.parametrize(
    "detector",
    [MaximumSoftmaxProbability(), MaximumLogit(), Energy(), Energy(0.1), Entropy(),
     GeneralisedEntropy(), KLMatching()],
)  # fmt: skip
def test_infinite_logits_are_clipped(detector: Detector) -> None:
    inf = float("inf")
    outputs = outputs_of_logits([[inf, 0, 0], [inf, inf, 0], [-inf, -inf, -inf], [0, 0, -inf]])
    fitted = detector.fit(random_logits(50, 3))
    assert np.isfinite(detector.score(fitted, outputs).numpy()).all()


def test_levels_matter_to_energy_and_not_to_the_softmax() -> None:
    outputs = random_logits(20, 5)
    assert outputs.logits is not None
    raised = Outputs(outputs.logits + 3)
    for detector in (Energy(), Energy(temperature=7.0), MaximumLogit()):
        np.testing.assert_allclose(
            scores(detector, raised), scores(detector, outputs) - 3, atol=1e-5
        )
    for softmax_only in (MaximumSoftmaxProbability(), Entropy(), GeneralisedEntropy()):
        np.testing.assert_allclose(
            scores(softmax_only, raised), scores(softmax_only, outputs), rtol=2e-5
        )


def test_kl_matching_by_hand() -> None:
    """Two predictions of each class; the third class is never predicted and has no template."""
    p = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.5, 0.4]])
    train = outputs_of_logits(np.log(p).tolist())
    fitted = KLMatching().fit(train)
    templates = np.array([[0.7, 0.2, 0.1], [0.15, 0.6, 0.25]])
    np.testing.assert_allclose(fitted["log_templates"].exp(), templates, rtol=1e-6)
    new = np.array([[0.7, 0.2, 0.1], [1 / 3, 1 / 3, 1 / 3], [0.05, 0.05, 0.9]])
    found = KLMatching().score(fitted, outputs_of_logits((np.log(new) + 4).tolist()))
    expected = [min(rel_entr(row, d).sum() for d in templates) for row in new]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_kl_matching_accepts_a_familiar_confusion() -> None:
    """Half-half between the first two classes is typical here; half-half with the third is not."""
    train = outputs_of_logits([[3.0, 2.9, -4.0]] * 30 + [[2.9, 3.0, -4.0]] * 30 + [[-4, -4, 3]])
    new = outputs_of_logits([[2.95, 2.95, -4.0], [2.95, -4.0, 2.95]])
    usual, strange = scores(KLMatching(), new, train)
    assert strange > usual + 1
    same, again = scores(MaximumSoftmaxProbability(), new)
    assert same == pytest.approx(again)


@pytest.mark.parametrize("name", ["msp", "max-logit", "energy"])
def test_what_a_rectified_network_is_sure_of(name: str) -> None:
    """The docstrings' warning holds: far from the data these scores point the wrong way."""
    from gengap.detectors.registry import detector_info

    toy, detector = blobs(), detector_info(name).detector()
    usual, far, between = (detector.score({}, o) for o in (toy.new, toy.far, toy.between))
    assert auroc(usual, between) > 0.9
    assert auroc(usual, far) < 0.5


def test_long_tables_are_scored_in_blocks() -> None:
    """Blocks join in order, and no block's temporaries grow with the table."""
    outputs = random_logits(30_000, 10)
    for detector in (Energy(), Entropy(), GeneralisedEntropy(), Temperature(), KLMatching()):
        fitted = detector.fit(outputs)
        whole = detector.score(fitted, outputs)
        for rows in (slice(0, 5), slice(13_100, 13_115), slice(29_990, 30_000)):
            torch.testing.assert_close(detector.score(fitted, outputs.rows(rows)), whole[rows])


@pytest.mark.parametrize(
    "detector",
    [MaximumSoftmaxProbability(), MaximumLogit(), Energy(), Entropy(), GeneralisedEntropy()],
)
def test_one_column_is_not_a_classifier(detector: Detector) -> None:
    told = complaint(lambda: scores(detector, outputs_of_logits([[1.0], [2.0]])))
    assert told is not None
    assert "one output" in told


def test_templates_need_examples() -> None:
    assert complaint(lambda: KLMatching().fit(Outputs(torch.zeros(0, 3))))
