"""``gengap collect``: play levels and write the log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gengap.base.errors import UsageError, check_whole, listing
from gengap.base.files import json_text
from gengap.base.paths import typed
from gengap.base.terminal import say, terminal
from gengap.cli.base import INTERRUPTED, app, bar, command_line, print_notes, unsuspecting, writable
from gengap.cli.options import Draw, Json, Quiet, study_options

if TYPE_CHECKING:
    from gengap.control.logged import Logged

KEYS = ("simulator", "suite", "levels", "contexts", "instructions", "expert")


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
@study_options(*KEYS)
def collect(
    given: dict[str, Any],
    out: Annotated[
        str, typer.Option(help="A .parquet file, or the folder of a Minari data set.")
    ] = "logs/play.parquet",
    policy: Annotated[
        str,
        typer.Option(
            help="random, expert, suboptimal, mixed, replay or package:policy, a function of the "
            "observation, or of that and the environment."
        ),
    ] = "random",
    episodes: Annotated[
        int | None, typer.Option(help="Of each level; 5, or 10 of a suite.")
    ] = None,
    seed: Draw = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Play the levels of a simulator or a suite, and write a log of it to learn from.

    Examples:

        gengap collect --simulator CartPole-v1 --levels 0-99 --out logs/random.parquet

        gengap collect --simulator mine.py:make --levels 0-999 --policy mine.py:mediocre

        gengap collect --simulator mine.py:make --levels 0-999 --policy mixed --expert mine.py:best

        gengap collect --suite mazes:levels=200 --policy replay --out mazes-replay-v0

    An expert of your own follows its policy; suboptimal wanders between stretches of it, mixed is
    expert and random by turns, replay learns from none of its actions to all. The log says who
    played and how it was made. What is written is whole: stopped, nothing is.
    """
    from gengap.study.study_file import validated

    file = validated(given)
    path = typed(out)
    as_parquet = path.suffix.lower() == ".parquet"
    _check(path, as_parquet)
    if episodes is not None:
        check_whole(episodes=episodes)
    if bool(file.simulator) == bool(file.suite):
        raise UsageError("Name what is played: either --simulator package:make or --suite mazes.")
    writable(path.parent)
    talk = terminal(stderr=True, quiet=quiet or as_json)
    try:
        with bar(talk, "levels") as tell, unsuspecting():
            if file.suite:
                logged, env, notes = _of_suite(file, policy, episodes or 10, seed)
            else:
                logged, env, notes = _of_simulator(file, policy, episodes or 5, seed, tell)
    except KeyboardInterrupt:
        talk.print("\nStopped; nothing was written.")
        raise typer.Exit(INTERRUPTED) from None
    print_notes(notes, talk)
    written = logged.to_parquet(path) if as_parquet else logged.to_minari(path, env)
    _say(logged, written, policy, as_json, quiet)


def _check(path: Path, as_parquet: bool) -> None:
    """Refuse a place that cannot be written before anything is played."""
    if not as_parquet and path.suffix:
        raise UsageError(
            f"{path} is neither a .parquet file nor a folder for a Minari data set; name one."
        )
    if path.is_dir():
        raise UsageError(f"{path} is a folder that is there already; name a file or a new folder.")


def _say(logged: Logged, written: Path, policy: str, as_json: bool, quiet: bool) -> None:
    """What was written, in a line or as JSON."""
    about = {
        "path": str(written),
        "policy": policy,
        "levels": len(set(logged.level)),
        "episodes": len(logged),
        "actions": len(logged.reward),
        "mean_return": float(logged.returns.mean()),
        "terminated": float(logged.terminated.sum() / len(logged)),
    }
    if as_json:
        typer.echo(json_text(about), nl=False)
        return
    console = terminal()
    say(
        console,
        f"{len(logged):,} episodes of {about['levels']:,} levels, {len(logged.reward):,} actions: "
        f"mean return {about['mean_return']:.4g}, {about['terminated']:.0%} of episodes ended by "
        "themselves.",
    )
    if not quiet:
        say(console, f"\nWritten: {written}")


def _provenance(file: Any, policy: str, episodes: int, seed: int) -> dict[str, Any]:
    """How a log was made."""
    from importlib.metadata import version

    from gengap.study.simulator_keys import rooted

    keys = {key: value for key in KEYS if (value := getattr(file, key))}
    return {
        **rooted(keys), "policy": policy, "episodes": episodes, "seed": seed,
        "gengap": version("gengap"), "command": command_line(),
    }  # fmt: skip


def _of_simulator(
    file: Any, policy: str, episodes: int, seed: int, tell: Any
) -> tuple[Logged, Any, list[str]]:
    from gengap.control.logged import Logged
    from gengap.control.players import collected, player_of
    from gengap.control.simulated import met
    from gengap.control.simulators import simulator_of
    from gengap.study.simulator_keys import levels_asked

    found = met(simulator_of(file.simulator, *levels_asked(file), None))
    expert = None if file.expert is None else player_of(file.expert)
    played = collected(
        found.simulator, found.actions, policy, episodes, expert=expert, seed=seed, progress=tell
    )
    made = Logged(**played, provenance=_provenance(file, policy, episodes, seed))
    notes = list(found.notes)
    assert made.player is not None
    experts = made.returns[made.player == "expert"]
    if len(experts) and experts.max() <= 0:
        notes.append(
            "The expert earned no reward in any episode, so it is no expert; check the policy."
        )
    return made, found.simulator.open(found.simulator.scenes[0].context), notes


def _of_suite(file: Any, policy: str, episodes: int, seed: int) -> tuple[Logged, Any, list[str]]:
    """The log of a suite of compiled levels, whose player is an option of the suite."""
    import numpy as np

    from gengap.control.behaviour import BEHAVIOURS
    from gengap.control.levels import Levels
    from gengap.control.logged import Logged
    from gengap.control.table_logs import logged_of
    from gengap.environments.suites import load_suite, parse_suite, suite_info
    from gengap.study.simulator_keys import parse_levels

    for key in ("contexts", "instructions", "expert"):
        if getattr(file, key):
            raise UsageError(f"--{key} is for a simulator; a suite has its own, leave it out.")
    name, own = parse_suite(file.suite)
    known = suite_info(name).arguments
    if "data" not in known or "starts" not in known:
        raise UsageError(f"{name} is no suite of levels, so nobody can play it; see gengap suites.")
    if policy not in BEHAVIOURS:
        raise UsageError(f"{policy} does not play suites; those who do are {listing(BEHAVIOURS)}.")
    wanted = None if file.levels is None else parse_levels(file.levels)
    options = {"starts": episodes, "data": policy} | ({} if wanted is None else
                                                      {"levels": max(wanted) + 1})  # fmt: skip
    levels = load_suite(file.suite, seed, **{k: v for k, v in options.items() if k not in own})
    assert isinstance(levels, Levels)
    made = Logged(
        **logged_of(levels, np.arange(len(levels.names)) if wanted is None else np.array(wanted)),
        provenance=_provenance(file, policy, episodes, seed),
    )
    return made, None, list(levels.notes)
