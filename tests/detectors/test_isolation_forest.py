from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import ensemble

from gengap.base.errors import UsageError
from gengap.base.seeds import derive
from gengap.detectors.isolation_forest import IsolationForest, typical_depth
from gengap.models.outputs import Outputs


def features(rows: int, width: int, seed: int = 0) -> torch.Tensor:
    drawn = torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))
    return drawn * torch.logspace(-3, 3, width)


@pytest.mark.parametrize(("rows", "width"), [(600, 5), (40, 3), (2, 1)])
def test_agrees_with_scikit_learn(rows: int, width: int) -> None:
    known, new = features(rows, width), 3 * features(500, width, seed=1)
    detector = IsolationForest(trees=50)
    scores = detector.score(detector.fit(Outputs(features=known)), Outputs(features=new))
    forest = ensemble.IsolationForest(
        n_estimators=50,
        max_samples=min(256, rows),
        random_state=derive(0, "isolation forest") % 2**32,
    ).fit(known.numpy())
    np.testing.assert_allclose(scores, -forest.score_samples(new.numpy()), atol=1e-6)


def test_copies_of_one_example_share_a_leaf() -> None:
    detector = IsolationForest(trees=50)
    same = Outputs(features=torch.ones(10, 2))
    # No split: every depth is c(10) = the typical depth, and 2^-1 the score.
    assert detector.score(detector.fit(same), same).tolist() == pytest.approx([0.5] * 10)


def test_typical_depth_of_three() -> None:
    found = typical_depth(np.array([1, 2, 3]))
    assert found.tolist() == pytest.approx([0, 1, 2 * (np.log(2) + 0.5772156649) - 4 / 3])


def test_strangers_score_higher_and_seeds_matter() -> None:
    known = Outputs(features=torch.randn(300, 4, generator=torch.Generator().manual_seed(0)))
    far = Outputs(features=torch.full((1, 4), 6.0))
    fitted = IsolationForest().fit(known)
    assert IsolationForest().score(fitted, far) > IsolationForest().score(fitted, known).max()
    again, other = IsolationForest().fit(known), IsolationForest(seed=1).fit(known)
    assert torch.equal(fitted["threshold"], again["threshold"])
    assert not torch.equal(fitted["depth"][:99], other["depth"][:99])


def test_one_example_is_too_few() -> None:
    with pytest.raises(UsageError, match="needs 2 training examples, not 1"):
        IsolationForest().fit(Outputs(features=torch.ones(1, 2)))
