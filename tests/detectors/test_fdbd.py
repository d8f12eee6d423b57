from __future__ import annotations

import pytest
import torch

from gengap.base.errors import UsageError
from gengap.detectors.fdbd import FDBD
from gengap.models.outputs import Head, Outputs

CORNERS = Head(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), torch.tensor([0.0, 0.0, 1.0]))


def test_three_classes_by_hand() -> None:
    # At (4, 1) the logits are 4, 1 and -3. The boundaries lie (4 - 1) / |(1, -1)| = 3/√2 and
    # (4 + 3) / |(2, 0)| = 7/2 away; the mean of the training examples, (0, 1), lies 4 away.
    train = Outputs(features=torch.tensor([[-1.0, 0.0], [1.0, 2.0]]), head=CORNERS)
    detector = FDBD()
    scores = detector.score(detector.fit(train), Outputs(features=torch.tensor([[4.0, 1.0]])))
    torch.testing.assert_close(scores, torch.tensor([-(3 / 2**0.5 + 3.5) / 2 / 4]))


def test_a_row_on_the_boundary_is_strangest() -> None:
    train = Outputs(features=torch.tensor([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0]]), head=CORNERS)
    detector = FDBD()
    rows = torch.tensor([[3.0, 3.0], [5.0, 1.0]])
    unsure, sure = detector.score(detector.fit(train), Outputs(features=rows))
    assert unsure > sure


def test_the_mean_itself_and_equal_weights_are_finite() -> None:
    twins = Head(torch.ones(2, 2), torch.tensor([0.0, 1.0]))
    train = Outputs(features=torch.tensor([[0.0, 0.0], [2.0, 2.0]]), head=twins)
    detector = FDBD()
    scores = detector.score(detector.fit(train), Outputs(features=torch.ones(1, 2)))
    assert scores.tolist() == [0.0]


def test_one_output_has_no_boundaries() -> None:
    head = Head(torch.ones(1, 2), torch.zeros(1))
    with pytest.raises(UsageError, match="at least 2 classes"):
        FDBD().fit(Outputs(features=torch.ones(3, 2), head=head))
