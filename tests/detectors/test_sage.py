from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from gengap.base.errors import UsageError
from gengap.detectors.sage import Sage, expected_loss, principal_subspace
from gengap.models.outputs import Outputs


def outputs(rows: int, classes: int, seed: int = 0) -> Outputs:
    source = torch.Generator().manual_seed(seed)
    features = torch.randn(rows, 6, generator=source) * torch.tensor([9, 5, 3, 1, 0.5, 0.1])
    logits = features[:, :classes] + torch.randn(rows, classes, generator=source)
    labels = logits[:, 0] + 1 if classes == 1 else logits.argmax(1)
    return Outputs(logits=logits, features=features, labels=labels)


@pytest.mark.parametrize("classes", [1, 3])
def test_agrees_with_an_independent_computation(classes: int) -> None:
    train, new = outputs(150, classes), outputs(40, classes, seed=1)
    detector = Sage(neighbours=5)
    scores = detector.score(detector.fit(train), new)

    known, labels = train.features.double().numpy(), train.labels.numpy()
    index = NearestNeighbors(n_neighbors=5).fit(known)
    subspace = PCA(n_components=0.95, svd_solver="full").fit(known)

    def parts(shown: Outputs, queries: np.ndarray | None) -> list[np.ndarray]:
        distances, rows = index.kneighbors(queries)
        x = shown.features.double().numpy()
        rest = np.linalg.norm(x - subspace.inverse_transform(subspace.transform(x)), axis=1)
        values = shown.logits.double().numpy()
        if classes == 1:
            task = np.abs(labels[rows] - values).mean(1)
        else:
            task = 1 - np.take_along_axis(softmax(values, axis=1), labels[rows], axis=1).mean(1)
        return [distances.mean(1), rest, task]

    typical = [
        (1 + (before >= now[:, None]).sum(1)) / 151
        for before, now in zip(
            parts(train, None), parts(new, new.features.double().numpy()), strict=True
        )
    ]
    np.testing.assert_allclose(scores, 1 - np.mean(typical, axis=0), atol=1e-6)


def test_principal_subspace_is_the_smallest_that_holds_the_variance() -> None:
    spread = torch.tensor([[3.0, 0, 0], [-3, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 0.1]])
    _, components = principal_subspace(spread)  # variances about 18, 2 and 0.01
    assert components.shape == (3, 2)
    _, one = principal_subspace(spread * torch.tensor([10.0, 1, 1]))
    assert one.shape == (3, 1)
    assert one[:, 0].abs().tolist() == pytest.approx([1, 0, 0], abs=1e-6)


def test_expected_loss_worked_by_hand() -> None:
    even = torch.tensor([[0.0, 0.0]], dtype=torch.float64)
    assert expected_loss(even, torch.tensor([[0, 1, 1]])).tolist() == [0.5]
    sure = torch.tensor([[50.0, 0.0]], dtype=torch.float64)
    assert expected_loss(sure, torch.tensor([[0, 0, 1, 1]])).tolist() == pytest.approx([0.5])
    value = torch.tensor([[2.0]], dtype=torch.float64)
    assert expected_loss(value, torch.tensor([[1.0, 5.0]])).tolist() == [2]


@pytest.mark.parametrize("classes", [1, 3])
def test_scores_rise_with_the_deformation(classes: int) -> None:
    train, new = outputs(300, classes), outputs(100, classes, seed=1)
    detector = Sage()
    fitted = detector.fit(train)
    noise = torch.randn(100, 6, generator=torch.Generator().manual_seed(2))
    means = [
        float(
            detector.score(
                fitted, Outputs(logits=new.logits, features=new.features + size * noise)
            ).mean()
        )
        for size in (0, 1, 3, 10)
    ]
    assert means == sorted(means)
    assert means[-1] > means[0] + 0.2


def test_one_class_is_a_usage_error() -> None:
    train = outputs(20, 3)
    single = Outputs(train.logits, train.features, labels=torch.ones(20, dtype=torch.int64))
    with pytest.raises(UsageError, match="at least 2 classes"):
        Sage().fit(single)
