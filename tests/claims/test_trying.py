"""Claims are found by name, measured on draws, judged by Student's interval, and found again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.claims import trying
from gengap.claims.catalogue import claims, wanted
from gengap.claims.trying import judged, try_claims
from gengap.records.store import Store


def test_the_interval_is_students_over_draws() -> None:
    claim = claims()["small-sites"]
    found = judged(claim, np.array([0.1, 0.3, 0.2, 0.4]))
    limits = stats.ttest_1samp([0.1, 0.3, 0.2, 0.4], 0).confidence_interval(0.95)
    assert (found.found.low, found.found.high) == pytest.approx(tuple(limits))
    assert (found.verdict, found.draws) == ("holds", 4)
    assert judged(claim, -np.array([0.1, 0.3, 0.2, 0.4])).verdict == "does not hold"
    assert judged(claim, np.array([0.1, -0.3, 0.2])).verdict == "undecided"
    with pytest.raises(UsageError, match="small-sites has no number"):
        judged(claim, np.array([0.1, np.nan]))


def test_claims_are_named_by_name_paper_or_arxiv() -> None:
    known = claims()
    by_number = [claim.name for claim in wanted(["737"])]
    assert by_number == ["inverse-agreement", "choosing-inside-misses"]
    assert [claim.name for claim in wanted(["2209.00613"])] == by_number
    assert [claim.name for claim in wanted(["choosing-inside-misses", "737"])] == by_number[::-1]
    assert wanted(["all"]) == list(known.values())
    with pytest.raises(UsageError, match="no claim '7377'; did you mean '737'"):
        wanted(["7377"])
    with pytest.raises(UsageError, match="name one"):
        wanted([])


def test_every_claim_says_what_it_is() -> None:
    known = claims()
    numbers = {54, 89, 106, 109, 116, 157, 226, 231, 251, 269, 273, 588, 632, 737}
    assert numbers <= {claim.number for claim in known.values()}
    for name, claim in known.items():
        assert name == name.lower()
        assert not name.isdigit()
        assert claim.draws >= 5
        for sentence in (claim.says, claim.positive, claim.setting):
            assert sentence
            assert not sentence.endswith(".")
    papers = {claim.number: claim.paper for claim in known.values()}
    assert all(claim.paper == papers[claim.number] for claim in known.values())


def test_a_claim_tried_again_trains_nothing(tmp_path: Path, monkeypatch) -> None:
    seen = []
    store = tmp_path / "records.db"
    first = try_claims(["uncommon-settings"], draws=2, store=store, progress=seen.append)
    assert [(now.done, now.total, now.doing) for now in seen] == [
        (0, 2, "uncommon-settings"),
        (1, 2, "uncommon-settings"),
    ]

    with Store(store) as records:
        assert len(records.runs()) == 2
    added = []
    monkeypatch.setattr(Store, "add", lambda self, runs: added.extend(runs))
    assert try_claims(["uncommon-settings"], draws=2, store=store) == first
    assert not added


def test_draws_and_order_are_as_asked(monkeypatch) -> None:
    claim = claims()["small-sites"]
    made = [
        replace(claim, name="up", measure=lambda draw, _: 1.0 + draw, draws=3),
        replace(claim, name="down", measure=lambda draw, _: -1.0 - draw, draws=4),
    ]
    monkeypatch.setattr(trying, "wanted", lambda names: made)
    assert [(c.name, c.draws) for c in try_claims([]).claims] == [("up", 3), ("down", 4)]
    assert [c.found.estimate for c in try_claims([], draws=2).claims] == [1.5, -1.5]
    with pytest.raises(UsageError, match="at least 2"):
        try_claims([], draws=1)
