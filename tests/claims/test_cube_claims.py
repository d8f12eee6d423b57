"""Claims about unseen parts of the cube, on few steps."""

from __future__ import annotations

from gengap.claims import unseen_cube


def test_both_numbers_are_found(tmp_path, monkeypatch):
    for name, value in (("BITS", 6), ("STEPS", 3), ("BATCH", 8), ("WIDTHS", (4,))):
        monkeypatch.setattr(unseen_cube, name, value)
    monkeypatch.setattr(unseen_cube, "FUNCTIONS", ("parity",))
    store = str(tmp_path / "records.db")
    # In three steps nothing is learnt, so half the error is that of saying next to nothing, 1 / 2.
    assert -0.7 < unseen_cube.frozen_bit(0, store) <= 0.1
    said, true, least, seen = unseen_cube._answered(0, store, "parity", "corner")
    assert len(said) == len(true) == len(least) == len(seen)
    assert (least[seen] == true[seen]).all()
    assert unseen_cube.least_degree(0, store) < 3
