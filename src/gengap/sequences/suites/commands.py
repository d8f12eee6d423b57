"""Commands as a suite: parts that are known put together in ways that are not.

Published splits of them are, by ``--splits``: ``extrapolate:answer_length>22``, longer answers;
``column:jump``, a verb known from itself alone; ``column:around_right``, two words known with
others; ``column:simple``, one command in five, drawn; and ``divergence:0.5``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

import numpy as np

from gengap.base.errors import check_whole
from gengap.base.seeds import generator
from gengap.environments.suites import suite
from gengap.sequences.problem import Sequences
from gengap.sequences.tasks.commands import MANNERS, SIDES, TURN, VERBS, Command
from gengap.sequences.tasks.commands import commands as all_commands

TRAIN, TEST = "train", "test"
UNSEEN = 0.2


@suite(
    "commands",
    summary="Carry out commands such as jump twice after turn left.",
    source="generated: the language of Lake and Baroni 2018",
    default_splits="extrapolate:answer_length>22",
)
def commands(
    count: int = 20910,
    repeats: int = 10,
    score: Literal["exact_match", "token_accuracy"] = "exact_match",
    seed: int = 0,
) -> Sequences:
    """Commands and what is to be done; environments are the lengths of the answers.

    Args:
        count: commands, drawn from all 20,910; those of one word are always among them.
        repeats: how often each of these is there, so that every deal trains on it.
        score: of a command: whether all of it is done, or what share.
        seed: decides which commands are drawn, and which are unseen in the split ``simple``.
    """
    check_whole(count=count, repeats=repeats)
    known, draw = all_commands(), generator(seed, "commands")
    order = sorted(draw.permutation(len(known)), key=lambda row: len(known[row].words) > 1)
    chosen = [known[row] for row in np.sort(order[:count])]
    chosen += [one for one in known if len(one.words) == 1] * (repeats - 1)
    simple = draw.random(len(chosen)) < UNSEEN
    said = [" ".join(one.words) for one in chosen]
    jump = [len(one.words) > 1 and "jump" in one.words for one in chosen]
    pairs = Sequences.from_pairs(
        said,
        [" ".join(one.actions) for one in chosen],
        environment="answer_length",
        factors={
            "verbs": [_those(one, (*VERBS, TURN)) for one in chosen],
            "manners": [_those(one, MANNERS) for one in chosen],
            "sides": [_those(one, SIDES) for one in chosen],
            "simple": _sides(map(dict(zip(said, simple, strict=True)).__getitem__, said)),
            "jump": _sides(jump),
            "around_right": _sides("around right" in text for text in said),
        },
        tokens="words",
        score=score,
        name="commands",
    )
    return replace(pairs, compounds=tuple(one.compounds for one in chosen))


def _those(one: Command, words: tuple[str, ...]) -> str:
    """Which of some words a command has, in their order."""
    return "+".join([word for word in words if word in one.words]) or "none"


def _sides(unseen: Iterable[object]) -> list[str]:
    return [TEST if one else TRAIN for one in unseen]
