"""Steps that are dropped at random: by hand on a pair, and as often as said."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gengap.environments.suites import load_suite
from gengap.methods.trace_dropping import TraceDropping
from gengap.sequences.pairs import SLOTS, WRITTEN
from gengap.sequences.scoring import Scorer
from gengap.sequences.vocabulary import PAD
from gengap.training.tasks import Task

PROBLEM = load_suite("navigation:layers=5,width=4,times=1", seed=1)


def words(codes):
    return " ".join(PROBLEM.vocabulary[int(code)] for code in codes if code != PAD)


def test_steps_are_left_out_wherever_they_are():
    row = int(np.flatnonzero(PROBLEM.steps_written == 4)[0])
    source, target = (
        PROBLEM.vocabulary.text(s[row]).split() for s in (PROBLEM.source, PROBLEM.target)
    )
    first, width = len(source), 8
    scorer = Scorer(PROBLEM, np.ones((1, PROBLEM.outputs), bool))
    for out in ((), (0,), (1, 3), (0, 1, 2, 3)):
        dropped = torch.zeros(1, 1, 1, width, dtype=torch.bool)
        dropped[..., [first + k for k in out]] = True
        x, y, mask = scorer.gathered(torch.tensor([[[row]]]), width, dropped=dropped)
        left = [word for k, word in enumerate(target) if k not in out]
        assert words(x[0, 0, 0, WRITTEN]) == " ".join([*source, "<begin>", *left])
        assert words(x[0, 0, 0, SLOTS]) == " ".join([*source, *["<slot>"] * (len(left) + 1)])
        assert words(y[0, 0, 0][mask[0, 0, 0]]) == " ".join([*left, "<end>"])
    steps = scorer.are_steps(torch.tensor([row]), width)[0].nonzero()[:, 0].tolist()
    assert steps == [first + k for k in range(4)]


def test_as_many_are_left_out_as_the_chances_say():
    method = TraceDropping(parts=torch.tensor([0.5, 0.0]), whole=torch.tensor([0.1, 0.25]))
    level = torch.rand(2, 1, 40_000, generator=torch.Generator().manual_seed(0))
    found = method.chances(level)
    for run, (parts, whole) in enumerate([(0.5, 0.1), (0.0, 0.25)]):
        assert (found[run] == 1).float().mean() == pytest.approx(whole, abs=0.01)
        assert (found[run] == 0.3).float().mean() == pytest.approx(parts, abs=0.01)
    rows = np.flatnonzero(PROBLEM.environment == 0)
    run = type("Run", (), {"seed": 0, "split": "s", "left_out": ()})()
    task = Task(run, (rows,), PROBLEM.prepare(np.arange(len(PROBLEM))))
    feed = PROBLEM.feed([task], steps=1, batch=64, slots=1, device="cpu")
    batch = feed.batch(0, None)
    noise = torch.rand(batch.y.shape, generator=torch.Generator().manual_seed(1))
    every, none = torch.ones(1, 1, 64), torch.zeros(1, 1, 64)
    assert torch.equal(batch.with_some_steps(none, noise).y, batch.y)
    alone = batch.with_some_steps(every, noise)
    further = torch.zeros(1, 1, 64, dtype=torch.int64)
    assert torch.equal(alone.x, batch.with_fewer_steps(every, further).x)
    assert torch.equal(alone.y, batch.with_fewer_steps(every, further).y)
