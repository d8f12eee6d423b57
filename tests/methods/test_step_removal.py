"""Steps that are removed bit by bit: by hand on one pair, and the schedule."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from gengap.environments.suites import load_suite
from gengap.methods.batch import Context
from gengap.methods.step_removal import StepRemoval
from gengap.sequences.vocabulary import BEGIN, PAD, SLOT
from gengap.training.tasks import Task


def feed_of(problem, asked="all"):
    problem = dataclasses.replace(problem, asked=asked)
    rows = np.flatnonzero(problem.environment == 0)
    run = type("Run", (), {"seed": 0, "split": "s", "left_out": ()})()
    task = Task(run, (rows,), problem.prepare(np.arange(len(problem))))
    return problem, problem.feed([task], steps=2, batch=4, slots=1, device="cpu")


def words(problem, codes):
    return " ".join(problem.vocabulary[int(code)] for code in codes if code != PAD)


def test_the_first_tokens_of_a_target_are_left_out():
    problem, feed = feed_of(load_suite("addition:longest=2,each=30,form=steps", seed=1))
    row = 40
    source, target = (problem.vocabulary.text(s[row]) for s in (problem.source, problem.target))
    assert problem.steps_written[row] == 11
    for cut in (0, 3, 11):
        at = torch.tensor([[[row]]])
        x, y, mask = feed.scorer.gathered(at, 40, torch.full((1, 1, 1), cut))
        left = target.split()[cut:]
        slots, written = x[0, 0, 0]
        before = f"{source} <begin> {' '.join(left)}"
        assert words(problem, written) == before.strip()
        assert words(problem, slots) == " ".join([source, *["<slot>"] * (len(left) + 1)])
        assert words(problem, y[0, 0, 0][mask[0, 0, 0]]) == " ".join([*left, "<end>"])
        assert (slots == SLOT).sum() == mask.sum() == len(left) + 1
        assert (written == BEGIN).sum() == 1


def test_no_more_than_all_steps_are_left_out():
    problem, feed = feed_of(load_suite("addition:longest=2,each=30,form=steps", seed=1))
    batch = feed.batch(0, None)
    every, none = torch.ones(1, 1, 4), torch.zeros(1, 1, 4, dtype=torch.int64)
    without = batch.with_fewer_steps(every, none)
    assert torch.equal(batch.with_fewer_steps(every, none + 5).y, without.y)
    steps = torch.from_numpy(problem.steps_written)[batch.rows]
    assert torch.equal(batch.mask.sum(-1) - without.mask.sum(-1), steps)
    # Asked for the answer alone, methods that know nothing of steps train on it alone.
    _, alone = feed_of(problem, "answer")
    assert torch.equal(alone.batch(0, None).x, without.x)
    assert torch.equal(alone.batch(0, None).with_fewer_steps(0 * every, none).y, batch.y)


def test_the_answer_alone_is_scored_where_it_is_asked():
    problem = load_suite("addition:longest=2,each=30,form=steps", seed=1)
    rows = np.arange(len(problem))

    class Says:
        """Right about what follows the steps, wrong about these."""

        def __init__(self, size):
            self.size = size

        def __call__(self, x):
            shown = x[..., 1, :]
            nothing = torch.zeros(*shown.shape, self.size)
            following = torch.roll(shown, -1, -1)
            # The token written next is what is to be said; the end follows the last.
            following = torch.where(following == PAD, 3, following)
            return type("Said", (), {"logits": nothing.scatter(-1, following[..., None], 1.0)})

    for asked in ("all", "answer"):
        own, feed = feed_of(problem, asked)
        assert feed.scorer.scores(Says(own.outputs), [rows])[0].mean() == 1
    plain = load_suite("addition:longest=2,each=30", seed=1)
    _, feed = feed_of(problem, "answer")
    _, other = feed_of(plain)
    for row in (3, 44):
        at = torch.tensor([[row]])
        cut = torch.tensor([[int(problem.steps_written[row])]])
        ours, theirs = feed.scorer.gathered(at, 16, cut)[0], other.scorer.gathered(at, 16)[0]
        assert words(problem, ours[0, 0, 1]) == words(plain, theirs[0, 0, 1])


def test_shares_rise_from_none_to_all():
    method = StepRemoval(begin_at=torch.tensor([0.2, 0.0]), end_at=torch.tensor([0.7, 0.8]))
    context = Context("classification", 5, 2, 1, 4, 1000)
    found = torch.stack([method.removed(step, context) for step in range(1000)], 1)
    assert (found[:, 0] == 0).all()
    assert (found.diff(dim=1) >= 0).all()
    # Half of the steps are gone half-way between the beginning and the end.
    assert found[0, 449] < 0.5
    assert found[0, 450] == found[1, 400] == 0.5
    assert found[0, 699] < 1
    assert found[0, 700] == found[1, 800] == 1
