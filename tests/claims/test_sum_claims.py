"""Claims about sums, on few pairs and steps."""

from __future__ import annotations

from gengap.claims import sums


def test_numbers_are_of_the_same_studies(tmp_path, monkeypatch):
    monkeypatch.setattr(sums, "EACH", 10)
    monkeypatch.setattr(sums, "STEPS", 2)
    monkeypatch.setattr(sums, "BATCH", 2)
    asked = []
    real = sums._of

    def noted(draw, store, form, positions):
        asked.append((form, positions))
        return real(draw, store, form, positions)

    monkeypatch.setattr(sums, "_of", noted)
    store = str(tmp_path / "records.db")
    for claim in sums.CLAIMS[:2]:
        assert claim.measure(0, store) == 0  # nothing is learnt in two steps
    assert set(asked) == {
        (sums.PLAIN, "abacus"), (sums.REVERSED, "rotary"), (sums.REVERSED, "coupled"),
    }  # fmt: skip
