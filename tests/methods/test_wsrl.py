from __future__ import annotations

import torch
from practised import scores
from toys import Size, stacked, toy

import gengap as gg
from gengap.methods.base import take_step
from gengap.methods.cql import CQL
from gengap.methods.wsrl import WSRL, onset

SIZE = Size(steps=40)


def test_it_is_conservative_until_the_onset() -> None:
    values = {"penalty": 0.5, "target_rate": 0.02, "learning_rate": 1e-2}
    warm = toy([WSRL(foresight=1.0, **values)] * 2, size=SIZE)
    plain = toy([CQL(**values)] * 2, size=SIZE)
    half = onset(warm.batches[0].context)
    assert half == 20
    expected, found = plain.train(half), warm.train(half)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)
    assert not any(name.startswith("replay/") for name in warm.state)


def test_a_run_that_warms_up_remembers_and_stays_as_it_is() -> None:
    """Of two runs one warms up for four steps; each is the same alone."""
    methods = [WSRL(warm_up=0.1), WSRL(warm_up=0.0)]
    built, half = toy(methods, size=SIZE), 20
    before = built.train(half)
    for number, batch in enumerate(built.batches[half:], 1):
        take_step(built.method, built.network, built.optimizer, batch, built.state)
        now = built.predicting()
        moved = [any((now[k][run] != before[k][run]).any() for k in now) for run in range(2)]
        assert moved == [number > 4, True]
        assert built.state["replay/count"].tolist() == [18 * number] * 2
    for run, method in enumerate(methods):
        alone = toy([method], runs=[run], size=SIZE).train()
        for name, value in alone.items():
            torch.testing.assert_close(value[0], now[name][run], rtol=1e-4, atol=1e-5)


def test_what_is_retained_comes_from_the_log() -> None:
    built = toy([WSRL(retained=0.5), WSRL(retained=0.0)], size=SIZE)
    built.train(21)
    batch = built.batches[21]
    x, after = built.method.lesson(batch, built.state)
    log = batch.transitions()
    torch.testing.assert_close(x[0, :9], batch.x.flatten(1, 2)[0, :9])
    torch.testing.assert_close(after.reward[0, :9], log.reward.flatten(1, 2)[0, :9])
    played = built.state["replay/x"]
    for run, first in ((0, 9), (1, 0)):
        for seen in x[run, first:]:
            assert (played[run] == seen).all(-1).any()


def test_acting_improves_on_a_poor_log() -> None:
    levels = gg.load_suite("mazes", levels=4, size=5, starts=3, data="random")
    assert scores(levels, "wsrl", [0, 1], steps=800).mean() > 0.9


def test_moments_begin_anew_after_the_warm_up() -> None:
    method = stacked([WSRL(warm_up=0.1), WSRL(warm_up=0.02)])
    context = toy([WSRL()], size=SIZE).batches[0].context
    assert method.phases(context)[0].tolist() == [24, 20]
