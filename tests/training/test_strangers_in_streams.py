"""Strangers as they come, classes held out, and what is noted of a batch with strangers in it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.models.networks import Output
from gengap.training.adapted import Answering
from gengap.training.strangers import Strangers, with_strangers
from gengap.training.tables import Tables


def letters():
    frame = pd.DataFrame({"a": np.arange(12.0), "b": np.arange(12.0) ** 2})
    return Environments.from_arrays(frame, list("wxyz" * 3), np.repeat([0, 1], 6))


def test_classes_held_out_are_rows_of_no_class():
    found = with_strangers(letters(), ["x", "z"])
    assert found.classes == ("w", "y")
    assert found.X["a"].tolist() == [0, 2, 4, 6, 8, 10]
    assert found.y.tolist() == [0, 1, 0, 1, 0, 1]
    np.testing.assert_array_equal(found.outliers["a"], [1, 3, 5, 7, 9, 11])
    assert len(found.outlier_rows) == 6
    assert found.notes[-1] == "Strangers, of which nothing trains or is scored: x, z."
    assert found.fingerprint != letters().select(np.arange(0, 12, 2)).fingerprint


@pytest.mark.parametrize(
    ("classes", "said"),
    [(["v"], "no class 'v'.*w, x, y, z"), (["x", "y", "z"], "Fewer than two classes are left")],
)
def test_what_cannot_be_held_out_is_said(classes, said):
    with pytest.raises(UsageError, match=said):
        with_strangers(letters(), classes)


def test_every_other_stranger_is_of_a_class_held_out_and_the_rest_is_noise():
    problem = with_strangers(letters(), ["x"])
    feed = SimpleNamespace(inputs=lambda rows: rows[..., None].float().expand(-1, -1, 2) + 100)
    strangers = Strangers(feed, problem, np.random.default_rng(0))
    came = torch.cat([strangers.come(3), strangers.come(5)])
    # Numbers 1, 3, 5 and 7 of the stream are near; the three rows held out come in turn.
    rows = came[1::2, 0] - 100
    assert set(rows.tolist()) == {9, 10, 11}
    assert rows[0] == rows[3]
    assert came[::2].abs().max() < 6
    assert [kinds.tolist() for kinds in strangers.kinds] == [
        [0, 0, 0, 2, 1, 2], [0, 0, 0, 0, 0, 1, 2, 1, 2, 1],
    ]  # fmt: skip


def test_without_classes_held_out_all_strangers_are_noise_of_the_spread_of_inputs():
    problem = Tables.of(letters())
    strangers = Strangers(None, problem, np.random.default_rng(0))
    came = strangers.come(4000)
    assert abs(float(came.mean())) < 0.05
    assert abs(float(came.std()) - 1) < 0.05
    assert set(np.concatenate(strangers.kinds)) == {0, 2}


def test_strangers_pass_with_their_batch_and_are_not_answered():
    seen = []

    def predict(x):
        seen.append(x)
        return torch.stack([x[:, 0], -x[:, 0]], 1)

    def alone(x):
        return Output(x, torch.zeros(1, x.shape[1], 2))

    adapter = SimpleNamespace(predict=predict, strangeness=torch.tensor([0.1, 0.2, 0.9]))
    answering = Answering(adapter, alone, 1)
    answering.beside = torch.tensor([[7.0]])
    logits = answering(torch.tensor([[[1.0], [2.0]]])).logits
    assert seen[0].flatten().tolist() == [1, 2, 7]
    assert logits[0, :, 0].tolist() == [1, 2]
    assert answering.answered == 3
    # The model alone is equally unsure of all: an entropy of log 2.
    np.testing.assert_allclose(
        answering.told[0], [[0.1, np.log(2)], [0.2, np.log(2)], [0.9, np.log(2)]], rtol=1e-6
    )


def test_noise_in_categories_and_constant_columns_has_their_mean_and_spread():
    """Of 40 training rows 10 are of ward b: 0/1 columns of mean 3/4 and 1/4 with the standard
    deviation sqrt(3/16); what is constant in training is 0 to a model, whatever stands there."""
    frame = pd.DataFrame(
        {"age": np.arange(80.0), "ward": list("aaab" * 20), "site": [1.0] * 79 + [2]}
    )
    problem = Tables.of(Environments.from_arrays(frame, list("yz" * 40), np.repeat([0, 1], 40)))
    train = np.arange(40)
    prepared = problem.prepare(train).inputs
    feed = SimpleNamespace(
        inputs=lambda rows: torch.from_numpy(prepared.apply(problem.matrix[rows.numpy()[0]]))[None]
    )
    strangers = Strangers(feed, problem, np.random.default_rng(0), train)
    came = strangers.come(20_000).numpy()
    own = dict(zip(problem.encoded.columns, came.T, strict=True))
    for name, mean, spread in (
        ("age", 0, 1), ("ward=a", 0.75, 0.1875**0.5), ("ward=b", 0.25, 0.1875**0.5),
    ):  # fmt: skip
        assert abs(own[name].mean() - mean) < 0.03
        assert abs(own[name].std() - spread) < 0.03
    assert not own["site"].any()
