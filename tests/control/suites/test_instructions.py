"""Instructions, against a player written step by step and what the words promise."""

import numpy as np
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.control.levels import Levels
from gengap.control.suites.instructions import (
    COLOURS,
    SHAPES,
    furnished,
    instructed,
    new_combinations,
)
from gengap.testing.problems import ProblemConformance
from gengap.training.problem import Problem

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))


def some(levels: int = 10, **options: object) -> Levels:
    return gg.load_suite("instructions", levels=levels, **options)


class TestInstructions(ProblemConformance):
    """Several rows of the tables a level, and starts dropped."""

    def problem(self) -> Problem:
        return some(6, starts=2, walls=0.3)


@pytest.mark.parametrize("read", ["words", "index"])
def test_tables_do_what_a_player_does_step_by_step(read: str) -> None:
    numbers, words, verbs = np.arange(6), (4, 3), ("reach", "avoid")
    room, factors = furnished(numbers, 3, (7, 8), words, 0.15, 5)
    held, nothing = np.zeros(words, bool), np.zeros(6, bool)
    tables = instructed(room, factors, verbs, read, 0.0, held, nothing)
    free = room.cells.free
    rng, ends = np.random.default_rng(0), {0.0: 0, 1.0: 0}
    for row in range(len(tables)):
        level, told = row // 8, tables.factors.iloc[row]
        places = [(int(r), int(c)) for r, c in np.argwhere(free[level])]
        things = {
            places[room.object_at[level, k]]: (
                COLOURS[room.colour[level, k]],
                SHAPES[room.shape[level, k]],
            )
            for k in range(4)
        }
        assert len({c for c, _ in things.values()}) == len({s for _, s in things.values()}) == 2
        assert (told["colour"], told["shape"]) in things.values()
        assert told["instruction"] == f"{told['verb']} {told['colour']} {told['shape']}"
        for start in tables.start[row]:
            state, (r, c) = int(start), places[start]
            assert (r, c) not in things
            for _ in range(40):
                action = int(rng.integers(4))
                to = r + MOVES[action][0], c + MOVES[action][1]
                r, c = to if free[level][to] else (r, c)
                thing = things.get((r, c))
                named = thing == (told["colour"], told["shape"])
                earned = float(thing is not None and named == (told["verb"] == "reach"))
                assert tables.end[row, state, action] == (thing is not None)
                assert tables.reward[row, state, action] == earned
                if thing:
                    ends[earned] += 1
                    break
                state = int(tables.next_state[row, state, action])
                assert places[state] == (r, c)
                seen = tables.observation[row, state]
                np.testing.assert_array_equal(
                    seen, view(free[level], (r, c), places, room, level, told, read)
                )
    assert min(ends.values()) > 20


def view(free, at, places, room, level, told, read):  # type: ignore[no-untyped-def]
    """Walls within two cells, where something of each colour and shape is, and what was said."""

    def one(place: int, count: int) -> list[int]:
        return [int(k == place) for k in range(count)]

    around = np.pad(~free, 2, constant_values=True)[at[0] : at[0] + 5, at[1] : at[1] + 5]
    found = [int(w) for w in around.ravel()]
    for words, of in ((4, room.colour[level]), (3, room.shape[level])):
        for word in range(words):
            ways = set()
            for k in range(4):
                place = places[room.object_at[level, k]]
                if of[k] == word:
                    ways.add(tuple(max(-2, min(2, place[axis] - at[axis])) for axis in (0, 1)))
            found += [int((down, right) in ways) for down in range(-2, 3) for right in range(-2, 3)]
    verb = ("reach", "avoid").index(told["verb"])
    colour, shape = COLOURS.index(told["colour"]), SHAPES.index(told["shape"])
    if read == "index":
        return found + one((verb * 4 + colour) * 3 + shape, 24)
    return found + one(verb, 2) + one(colour, 4) + one(shape, 3)


@pytest.mark.parametrize(("colours", "shapes", "share"), [(4, 4, 0.25), (3, 5, 0.4), (2, 2, 0.9)])
def test_every_word_is_trained_on_though_combinations_are_held_out(
    colours: int, shapes: int, share: float
) -> None:
    held = new_combinations(colours, shapes, share, seed=1)
    assert held.any()
    assert (~held).any(0).all()
    assert (~held).any(1).all()
    if (colours, shapes) == (4, 4):
        assert held.sum() == 4


def test_new_maps_and_new_combinations_are_marked() -> None:
    levels = some(100)
    found = levels.factors.groupby("part")
    assert set(found.groups) == {"training", "new level", "new instruction", "both"}
    of = {name: (set(own["level"]), set(own["instruction"])) for name, own in found}
    assert of["training"][0] >= of["new instruction"][0]
    assert of["new level"][0] >= of["both"][0]
    assert not of["training"][0] & of["new level"][0]
    assert not of["training"][1] & of["new instruction"][1]
    assert not of["new level"][1] & of["both"][1]
    assert len(of["new level"][0]) == 20
    assert len(of["training"][1]) == 12


def test_a_level_is_the_same_whichever_are_drawn_with_it() -> None:
    few, many = some(3).arena.tables, some(7).arena.tables
    for name in ("next_state", "observation", "reward"):
        own = getattr(many, name)[:12, : few.next_state.shape[1]]
        np.testing.assert_array_equal(getattr(few, name), own)


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(UsageError, match="verbs"):
        some(verbs=("touch",))
    with pytest.raises(UsageError, match="2 to 6 colours"):
        some(colours=9)
    with pytest.raises(UsageError, match="fewer starts"):
        some(starts=40)
