"""Claims about where models fail: their splits by hand, and what came out with room to spare."""

from __future__ import annotations

import numpy as np
import pytest

import gengap as gg
from gengap.claims.places import FACTORS, _Each, _Given, _two_factors
from gengap.claims.trying import try_claims


def test_splits_leave_out_what_they_name_and_train_on_what_they_are_given():
    where = np.repeat(["clean 1", *FACTORS], 12)
    data = gg.Environments.from_arrays(np.arange(60.0)[:, None], np.tile([0, 1], 30), where)
    each = _Each(FACTORS).iterate(data)
    assert [split.name for split in each] == list(FACTORS)
    for split in each:
        assert set(where[split.unseen]) == {split.name}
        assert set(where[split.train]) == set(where) - {split.name}
    (given,) = _Given(("clean 1", "noise"), "rotation").iterate(data)
    assert set(where[given.train]) == {"clean 1", "noise"}
    assert set(where[given.unseen]) == {"rotation"}


def test_digits_are_changed_as_their_environments_say():
    data = _two_factors(0)
    rows = {name: data.X[data.environment == k] for k, name in enumerate(data.names)}
    # Noise lifts the black border of digits, rotation does not.
    border = {name: X.reshape(-1, 8, 8)[:, :, 0].mean() for name, X in rows.items()}
    assert border["upright noisy"] > 2 * border["upright clean A"]
    assert border["rotated noisy"] > 2 * border["rotated clean"]
    assert len(data) == 1797


@pytest.mark.slow
def test_what_held_with_room_to_spare() -> None:
    names = ["choosing-inside-misses", "factors-unequal", "two-factors-at-once"]
    found = {claim.name: claim.found.low for claim in try_claims(names, draws=8).claims}
    assert found["choosing-inside-misses"] > 0.05
    assert found["factors-unequal"] > 0.1
    assert found["two-factors-at-once"] > 0
