"""Positions that tell places of digits, and those drawn at random, on rows worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from gengap.base.errors import UsageError
from gengap.environments.suites import load_suite
from gengap.sequences.architectures import named
from gengap.sequences.digit_places import begun_at_random, digit_places
from gengap.sequences.positions import REACH, bias_of, drawn_places, sinusoids
from gengap.sequences.vocabulary import BEGIN, END, PAD, SLOT, Vocabulary
from gengap.study.study import Study

WORDS = Vocabulary(tuple("0123456789+"))


def row(text):
    """Tokens of ``57+68B521E..``: B begins the answer, E ends it, _ is a slot, a point padding."""
    special = {"B": BEGIN, "E": END, "_": SLOT, ".": PAD}
    return torch.tensor([special.get(c, 5 + "0123456789+".find(c)) for c in text])


@pytest.mark.parametrize(
    ("text", "abacus", "coupled"),
    [
        ("75+86B521E..", "120120123000", "210210123000"),
        ("057+1B50", "12301012", "32101012"),
        ("75+86____..", "12012123400", "21021123400"),
        ("+9", "01", "01"),
        # Numbers in the answer that follow one another are counted apart.
        ("12B34+5", "1201201", "2101201"),
    ],
)
def test_places_by_hand(text, abacus, coupled):
    for wanted, kind in ((abacus, False), (coupled, True)):
        found = digit_places(row(text)[None, None], WORDS.digits, kind)
        assert "".join(map(str, found[0, 0].tolist())) == wanted


def test_positions_begin_anywhere_and_stay_in_the_table():
    places = digit_places(row("75+86B521E..").expand(1, 400, -1), WORDS.digits, True)
    torch.manual_seed(0)
    for coupled in (False, True):
        found = begun_at_random(places, 8, coupled)
        begin = (found - places).amax(-1)
        assert set(begin.unique().tolist()) == {0, 1, 2, 3, 4}
        moved = found == places + begin[..., None]
        assert (moved | (places == 0)).all()
        # What is no digit moves along where positions are coupled, else it stays at 0.
        assert (found[places == 0] == 0).all() != coupled
        assert found.max() == 7


def test_what_is_added_is_the_row_of_the_place():
    model = named("decoder(positions=coupled,width=8,heads=2,layers=1)").reading(WORDS)
    parameters = {k: v[None] for k, v in model.initialise((2, 12), len(WORDS), 0).items()}
    tokens, h = row("75+86B521E..")[None, None], torch.zeros(1, 1, 12, 8)
    added = model.placed(parameters, h, tokens)[0, 0]
    table = parameters["places"][0]
    torch.testing.assert_close(added, table[torch.tensor([2, 1, 0, 2, 1, 0, 1, 2, 3, 0, 0, 0])])
    torch.testing.assert_close(added[0], added[3])


def test_randomised_positions_are_in_order_and_of_the_whole_range():
    torch.manual_seed(0)
    drawn = torch.stack([drawn_places(5, training=True) for _ in range(400)])
    assert (drawn.diff(dim=1) > 0).all()
    # The k-th smallest of 5 of 2,048 without repetition has the mean k (2048 + 1) / 6 - 1.
    expected = torch.arange(1, 6) * (REACH + 1) / 6 - 1
    assert ((drawn.float().mean(0) - expected).abs() < 4 * 400 / math.sqrt(400)).all()
    asked = [drawn_places(5, training=False) for _ in range(2)]
    assert torch.equal(*asked)
    assert drawn_places(REACH + 3, training=True).tolist() == list(range(REACH + 3))


def test_a_sine_by_hand():
    found = sinusoids(torch.tensor([0, 3, 700]), 4)
    wanted = [[math.sin(k), math.sin(k / 100), math.cos(k), math.cos(k / 100)] for k in (0, 3, 700)]
    torch.testing.assert_close(found, torch.tensor(wanted), atol=1e-4, rtol=1e-4)


def test_fire_by_hand():
    # One hidden unit that passes its input on: the bias is ψ(i - j) / ψ(i), ψ(x) = log(1 + x).
    one = torch.ones(1, 1, 1)
    parameters = {
        "fire0.weight": one, "fire0.bias": 0 * one, "fire1.weight": one, "fire1.bias": 0 * one,
        "fire.scale": 0 * one,
    }  # fmt: skip
    found = bias_of("fire", parameters, 4, 1, True)[0, 0, 0]
    assert found[3, 1] == pytest.approx(math.log(3) / math.log(4))
    assert found[2, 1] == pytest.approx(math.log(2) / math.log(3))
    assert found[0, 0] == 0


def test_a_study_draws_positions_in_training_and_gives_the_same_again():
    problem = load_suite("addition:longest=3,each=30,form=reversed/padded", seed=0)
    found = [
        Study(
            problem, ["scheduled"], model="decoder(positions=coupled,width=16,layers=1)",
            splits="extrapolate:digits>2", seeds=1, steps=3, jobs=1, plain_training=False,
            batch=4,
        )
        .run().methods.score_unseen[0]
        for _ in range(2)
    ]  # fmt: skip
    assert found[0] == found[1]


def test_without_digits_there_are_no_places_of_digits():
    problem = load_suite("reverse:longest=3,each=5")
    with pytest.raises(UsageError, match="positions=abacus count the places of digits, and no"):
        problem.architecture("transformer(positions=abacus)")
