"""Every kind of problem passes the suite that ships with the package."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from gengap.testing import ProblemConformance
from gengap.training.tables import Tables
from study_builders import wards
from toy_problems import levels, neighbours, sequences


class TestTables(ProblemConformance):
    @pytest.fixture(autouse=True, params=[3, 0])
    def choose(self, request: pytest.FixtureRequest) -> None:
        self.classes = request.param

    def problem(self):
        return Tables.of(wards(classes=self.classes))


class TestSequences(ProblemConformance):
    model = staticmethod(neighbours)

    def problem(self):
        return sequences(80)


class TestLevels(ProblemConformance):
    def problem(self):
        return levels(80)


class Faulty(ProblemConformance):
    """The levels with one fault; the check that should find it does."""

    def __init__(self, fault) -> None:
        self.fault = fault

    def problem(self):
        made = levels(80)
        feed = made.feed

        def faulty(tasks, **settings):
            served = feed(tasks, **settings)
            self.fault(served)
            return served

        object.__setattr__(made, "feed", faulty)
        return made


def leaking(feed):
    scores = feed.scores
    feed.scores = lambda *args: scores(*args) + len(feed.tasks)


def short(feed):
    scores = feed.scores
    feed.scores = lambda *args: scores(*args)[1:]


def restless(feed):
    draw, batch = np.random.default_rng(0), feed.batch

    def other(step, context):
        made = batch(step, context)
        return replace(made, x=made.x + float(draw.random()))

    feed.batch = other


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        (leaking, "test_a_run_does_not_depend_on_its_fleet"),
        (short, "test_every_unit_gets_one_score"),
        (restless, "test_batches_are_as_methods_expect_them"),
    ],
)
def test_faults_are_found(fault, check, monkeypatch):
    monkeypatch.setattr(pickle, "loads", lambda content: content)
    monkeypatch.setattr(pickle, "dumps", lambda content: content)
    with pytest.raises(AssertionError):
        getattr(Faulty(fault), check)()
