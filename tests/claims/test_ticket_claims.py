"""Claims about tickets, on few pairs and steps."""

from __future__ import annotations

import numpy as np
import torch

from gengap.claims import tickets
from gengap.claims.table_runs import TableRun

NONE = np.zeros(0, int)


def test_twofold_steps_by_hand():
    def run(elsewhere):
        steps = np.array([10, 20, 40, 80])
        return TableRun(steps, np.ones(4), np.array(elsewhere), None, NONE, NONE, NONE)

    soon, late, never = run([0, 1, 1, 1]), run([0, 0, 0.9, 1]), run([0, 0, 0, 0.5])
    assert tickets._twofold(late, soon) == 2
    assert tickets._twofold(never, late) == 0


def test_a_ticket_keeps_the_largest_of_what_is_read(tmp_path, monkeypatch):
    for name, value in (("PAIRS", 60), ("STEPS", 3), ("FITTED", 2), ("KEPT", 0.5)):
        monkeypatch.setattr(tickets, name, value)
    store = str(tmp_path / "records.db")
    kept = tickets._ticket(0, store, 3)
    network = tickets._whole(0, store, 3).network
    tables = network.parameters["tables"][0].view(-1, 37, 64)[[0, 2], 5:36]
    mask = kept["tables"].view(-1, 37, 64)
    assert mask[1].min() == 1
    cut = mask[[0, 2], 5:36]
    assert cut.mean() == 0.5
    assert torch.minimum(tables[cut == 1].abs().min(), tables[cut == 0].abs().max()) == (
        tables[cut == 0].abs().max()
    )
    assert tickets.sooner(0, store) == tickets.not_by_norm(0, store) == 0  # none generalises
