"""What claims about transfer and about pictures make of what agents reach."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gengap.claims import disguises, transfers
from gengap.control.suites.painted_rooms import painted_rooms


def test_the_share_of_pairs_that_end_lower_and_equal_ones_by_half(monkeypatch) -> None:
    pairs = [SimpleNamespace(late=SimpleNamespace(estimate=own)) for own in (-0.2, -0.1, 0.0, 0.3)]
    monkeypatch.setattr(transfers, "_between", lambda *_: SimpleNamespace(pairs=pairs))
    assert transfers.mostly_negative("objects")(0, "") == pytest.approx(2.5 / 4 - 0.5)


def test_gaps_scores_and_times_by_hand(monkeypatch) -> None:
    """Success on floors learnt from at three times, and on the others in the end."""
    reached = {"dqn": ((0.4, 0.8, 1.0), 0.7), "sgqn": ((0.2, 0.6, 0.9), 0.8)}
    monkeypatch.setattr(disguises, "_success", lambda method, draw, store: reached[method])
    assert disguises.smaller_gap("sgqn")(0, "") == pytest.approx(0.3 - 0.1)
    assert disguises.better_outside("sgqn")(0, "") == pytest.approx(0.1)
    assert disguises.sooner("dqn", "sgqn")(0, "") == pytest.approx(2.2 / 3 - 1.7 / 3)


def test_floors_are_halved_and_both_halves_have_the_same_rooms_and_starts() -> None:
    levels = painted_rooms(seed=0, **{**disguises.ROOMS, "levels": 3})
    seen = np.isin(np.array(levels.names)[levels.environment], disguises.SEEN)
    assert seen.mean() == 0.5
    columns = [levels.factors["level"].to_numpy(), levels.arena.start]
    for column in columns:
        np.testing.assert_array_equal(np.sort(column[seen]), np.sort(column[~seen]))
