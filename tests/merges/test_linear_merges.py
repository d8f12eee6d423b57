"""Merges that give each model a number: worked examples, closed forms and what they promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gengap as gg
from gengap.base.errors import UsageError
from gengap.merges.linear.bang import balancing_temperature
from gengap.merges.linear.model_stock import ratio


def model(*values: float) -> dict[str, torch.Tensor]:
    return {"w": torch.tensor([float(value) for value in values])}


def test_task_arithmetic_by_hand():
    # Changes are (1, 0) and (0, 2); half their sum on top of (1, 1).
    merged = gg.merges.task_arithmetic([model(2, 1), model(1, 3)], model(1, 1), scale=0.5)
    assert merged["w"].tolist() == [1.5, 2]
    preferred = gg.merges.task_arithmetic(
        [model(2, 1), model(1, 3)], model(1, 1), scale=0.5, weights=[3, 1]
    )
    assert preferred["w"].tolist() == [1.75, 1.5]


def test_lines_is_a_line_in_depth():
    names = ["0.weight", "2.weight", "4.weight", "4.bias"]
    base = {name: torch.zeros(1) for name in names}
    tuned = {name: torch.ones(1) for name in names}
    merged = gg.merges.lines([tuned], base, first=0.2, last=0.8)
    assert [round(float(merged[name]), 6) for name in names] == [0.2, 0.5, 0.8, 0.8]
    # At one depth everywhere it is WiSE-FT.
    level = gg.merges.lines([tuned], base, first=0.3, last=0.3)
    assert level == gg.merges.wise_ft([tuned], base, share=0.3)


def test_model_stock_of_two_at_sixty_degrees():
    # cos 60° = 1/2, so t = 2/2 / (1 + 1/2) = 2/3 of the mean (3/4, √3/4).
    tuned = [model(1.0, 0.0), model(0.5, 3**0.5 / 2)]
    merged = gg.merges.model_stock(tuned, model(0, 0))["w"]
    torch.testing.assert_close(merged, torch.tensor([0.5, 3**0.5 / 6]))
    # With angles of their own, tensors at 90° return to the base and equal ones stay.
    two = [{"w": torch.eye(2)[k], "v": torch.ones(2)} for k in (0, 1)]
    stock = gg.merges.model_stock(two, {"w": torch.zeros(2), "v": torch.zeros(2)})
    assert stock["w"].tolist() == [0, 0]
    assert stock["v"].tolist() == [1, 1]


@pytest.mark.parametrize("models", [2, 3, 5])
def test_model_stock_is_nearest_to_the_centre(models):
    """On the shell that the paper describes, no other share of the mean is nearer."""
    basis = np.eye(models + 1)
    centre, length = 2.0 * basis[0], 1.5
    tuned = [centre + length * basis[k + 1] for k in range(models)]
    cosine = tuned[0] @ tuned[1] / (tuned[0] @ tuned[0])
    shares = np.linspace(0, 1, 10001)
    distances = [np.linalg.norm(t * np.mean(tuned, 0) - centre) for t in shares]
    assert ratio(cosine, models) == pytest.approx(shares[np.argmin(distances)], abs=1e-4)
    base = {"w": torch.zeros(models + 1)}
    merged = gg.merges.model_stock([{"w": torch.tensor(t)} for t in tuned], base)["w"]
    right = ratio(cosine, models) * np.mean(tuned, 0)
    np.testing.assert_allclose(merged.numpy(), right, rtol=1e-6)
    with pytest.raises(UsageError, match="Model Stock needs at least two"):
        gg.merges.model_stock([model(1)], model(0))


def test_greedy_soup_by_hand():
    # The target is 0: scores -1, -2, -9, so 1 is first. With -2 the mean is -0.5 and scores
    # higher; with 9 it would be 8/3 and score lower.
    def score(merged):
        return -abs(float(merged["w"]))

    asked = []
    models = [model(9.0), model(1.0), model(-2.0)]
    soup = gg.merges.greedy_soup(models, score=lambda m: asked.append(m) or score(m))
    assert float(soup["w"]) == -0.5
    assert len(asked) == 5
    with pytest.raises(UsageError, match=r"greedy-soup needs validation scores; give score."):
        gg.merges.greedy_soup(models)
    with pytest.raises(UsageError, match="The score of a merge is not a number"):
        gg.merges.greedy_soup(models, score=lambda _: float("nan"))


def swad(losses, **given) -> list[int]:
    """Which checkpoints enter, by merging the columns of the identity."""
    rows = torch.eye(len(losses))
    by_row = {tuple(row.tolist()): loss for row, loss in zip(rows, losses, strict=True)}
    merged = gg.merges.swad(
        [{"w": row} for row in rows], score=lambda m: -by_row[tuple(m["w"].tolist())], **given
    )["w"]
    assert float(merged.sum()) == pytest.approx(1)
    return torch.nonzero(merged).ravel().tolist()


def test_swad_by_hand():
    losses = [9, 5, 3, 2, 2.1, 2.2, 2.4, 1.9, 4, 2, 5, 6, 7]
    # The first that the next two do not undercut is the fourth: 2 <= 2.1, 2.2. Allowed are
    # 1.3 * 6.3 / 3 = 2.73. Two in a row above that are first 5 and 6; a lone 4 does not end it.
    assert swad(losses, patience=3, endurance=2, tolerance=1.3) == [3, 4, 5, 6, 7, 8, 9]
    assert swad(losses, patience=3, endurance=1, tolerance=1.3) == [3, 4, 5, 6, 7]
    assert swad([3, 2, 1], patience=2) == [2]
    with pytest.raises(UsageError, match=r"SWAD reads losses, and a score is 9.5"):
        gg.merges.swad([model(1), model(2)], score=lambda _: 9.5)
    right = [0.1, 0.5, 0.7, 0.69, 0.68, 0.2, 0.2]
    assert swad([-share for share in right], patience=2, endurance=2) == [2, 3, 4]


def test_bang_divides_the_last_layer_and_balances():
    torch.manual_seed(0)
    base, tuned = (
        torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4))
        for _ in "ab"
    )
    with torch.no_grad():
        tuned[2].weight.mul_(20)
    x = torch.randn(50, 3)
    temperature = balancing_temperature(tuned(x), base(x))
    sure = [torch.softmax(z, -1).amax(-1).mean() for z in (tuned(x) / temperature, base(x))]
    torch.testing.assert_close(*sure)
    # A share of 1 is the fine-tuned model, its logits divided by the temperature.
    before = tuned(x).detach()
    merged = gg.merges.bang(
        [tuned.state_dict()], base.state_dict(), share=1, temperature=temperature
    )
    base.load_state_dict(merged)
    torch.testing.assert_close(base(x).detach(), before / temperature)
    assert balancing_temperature(before / 100, before) == 1


def test_bang_at_temperature_one_is_wise_ft():
    base, tuned = ({"0.w": torch.randn(2), "1.w": torch.randn(2)} for _ in "ab")
    bang, wise = gg.merges.bang([tuned], base, temperature=1), gg.merges.wise_ft([tuned], base)
    assert all(torch.allclose(bang[name], wise[name]) for name in base)


def test_aggregation_shrinks_and_learns():
    assert gg.merges.shrinking_aggregation([model(2), model(6)], shrink=0.5)["w"] == 2
    # Of (4, 0) and (0, 4) the target (1, 2) is 3/4 of one third and two thirds.
    target = torch.tensor([1.0, 2.0])
    scored = []

    def score(merged):
        scored.append(-float((merged["w"] - target).square().sum()))
        return scored[-1]

    found = gg.merges.learned_aggregation([model(4, 0), model(0, 4)], score=score, scorings=150)[
        "w"
    ]
    torch.testing.assert_close(found, target, atol=2e-3, rtol=0)
    assert len(scored) <= 150
    assert scored[0] == -1  # the plain mean, (2, 2)
    few = gg.merges.learned_aggregation([model(4, 0), model(0, 4)], score=score, scorings=1)
    assert few["w"].tolist() == [2, 2]
