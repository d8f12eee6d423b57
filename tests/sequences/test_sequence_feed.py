"""Batches and scores of sequences, held against loops over the pairs."""

from __future__ import annotations

import numpy as np
import torch

import gengap as gg
from gengap.environments.suites import load_suite
from gengap.sequences.architectures import named
from gengap.sequences.pairs import WRITTEN
from gengap.sequences.problem import sequences_of
from gengap.sequences.ragged import Ragged
from gengap.sequences.vocabulary import BEGIN, PAD, SPECIAL, UNKNOWN
from gengap.study.chunks import Trainer


def copies(n: int = 60):
    """Say the source again; tokens 3 of 4 in the second environment only."""
    draw = np.random.default_rng(0)
    rows = [draw.integers(3 + (k % 2), size=2 + k % 4) for k in range(n)]
    rows = [np.append(row, 3) if k % 2 else row for k, row in enumerate(rows)]
    sides = Ragged.of(rows), Ragged.of(rows)
    where = {"place": np.array(["one", "other"])[np.arange(n) % 2]}
    return sequences_of(*sides, "abcd", name="copies", factors=where, environment="place")


def study(problem, **more):
    settings = {"seeds": 1, "steps": 2, "model": "rnn(width=8)", "splits": "hold-out:other"}
    return gg.Study(problem, **{**settings, "methods": ["erm"], **more})


def the_feed(problem, splits="hold-out:other"):
    """Of two runs that are trained with what the split leaves."""
    made = study(problem, splits=splits)
    trainer = Trainer(made.plan, made._work)
    run = next(run for run, _ in made.plan.runs["erm"] if run.role == "unseen")
    tasks = [trainer.task(run), trainer.task(run)]
    return problem.feed(tasks, steps=2, batch=3, slots=1, device="cpu")


def test_what_models_read_is_the_pair_and_what_training_never_saw_is_unknown():
    problem = copies()
    feed = the_feed(problem)
    rows = np.array([[0, 1], [2, 3]])
    x, y, mask = feed.scorer.gathered(torch.from_numpy(rows), 16)
    for run in range(2):
        for k, row in enumerate(rows[run]):
            source = problem.source[row].tolist()
            # Token d is in environment "other" only, which was not trained on.
            read = [UNKNOWN if code == len(SPECIAL) + 3 else code for code in source]
            said = [BEGIN, *read[:-1]]
            pad = [PAD] * (16 - 2 * len(source))
            assert x[run, k, WRITTEN].tolist() == read + said + pad
            assert y[run, k][mask[run, k]].tolist() == source
            assert mask[run, k].nonzero()[:, 0].tolist() == list(
                range(len(source), 2 * len(source))
            )


def test_an_exact_match_is_what_greedy_decoding_says():
    problem = load_suite("reverse:longest=6,each=8")
    model = named("decoder(width=16,layers=1,heads=2)")
    own = {k: v[None] for k, v in model.initialise(problem.shape, problem.outputs, 3).items()}
    rows = np.arange(len(problem))
    feed = the_feed(problem, "extrapolate:length>3")

    class Own:
        def __call__(self, x):
            return model.forward({name: v.expand(2, *v.shape[1:]) for name, v in own.items()}, x)

    scores, _ = feed.scorer.scores(Own(), [rows, rows])
    for row in rows:
        source, target = problem.source[row], problem.target[row]
        written = [*source.tolist(), BEGIN]
        for _ in target:
            x = torch.tensor([written, written])[None, None]
            written.append(int(model.forward(own, x).logits[0, 0, -1].argmax()))
        assert scores[row] == (written[len(source) + 1 :] == target.tolist())


def test_the_share_of_a_target_that_is_right():
    problem = load_suite("reverse:longest=4,each=4").scored_by("token_accuracy")
    result = study(problem, splits="extrapolate:length>2", steps=1).run()
    found = result.scores["erm"]
    assert result.plan.metric == "token_accuracy"
    assert found is not None
