"""Do the intervals, tests and plans hold? Remake docs/calibration.md by simulation.

    python -m benchmarks.calibration                 all parts, an hour on two cores
    python -m benchmarks.calibration compare         one part again; the others as they were kept
    python -m benchmarks.calibration 100 compare     a look at one part, printed and not written

The worst rows of all parts come first. Each part is kept as soon as it is measured.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks.calibration.frame import Table, markdown, missed, worst
from benchmarks.calibration.kept import keep, kept
from joblib import Parallel, delayed

PAGE = Path(__file__).parents[2] / "docs" / "calibration.md"
# One process each, the longest first.
PARTS = ("run", "compare", "explain", "plan", "intervals", "forecast")
STUDIES = 2_000

INTRODUCTION = """\
# Where the intervals and tests hold

Made by `make calibration`: simulated studies whose truth is known, {studies:,} a row where they are
cheap. Of {asked:,} numbers with something asked of them, **{missed} miss it** beyond the noise of
the simulation (two standard errors); these are **bold**. The generators are in
`benchmarks/calibration/`, one module for each command.

## The worst rows

Ordered by what was found over what was asked for; rows that are not bold hold, or miss by no more
than the simulation's noise.

"""


def part(name: str, studies: int, keeping: bool) -> list[Table]:
    """The tables of a part, and on the terminal how long they took."""
    started = time.perf_counter()
    tables: list[Table] = import_module(f"benchmarks.calibration.{name}").tables(studies)
    if keeping:
        keep(name, tables)
    print(f"{name}: {len(tables)} tables in {time.perf_counter() - started:.0f} s", flush=True)
    return tables


def page(tables: list[Table], studies: int) -> str:
    failed, asked = missed(tables)
    top = INTRODUCTION.format(studies=studies, missed=failed, asked=asked) + worst(tables)
    return "\n".join([top, *(markdown(table) for table in tables)])


def main(arguments: list[str]) -> None:
    numbers = [int(word) for word in arguments if word.isdigit()]
    names = [word for word in arguments if not word.isdigit()] or list(PARTS)
    if unknown := [name for name in names if name not in PARTS]:
        sys.exit(f"There is no part {unknown[0]}; parts are {', '.join(PARTS)}.")
    studies = numbers[0] if numbers else STUDIES
    found = Parallel(n_jobs=2)(delayed(part)(name, studies, not numbers) for name in names)
    if numbers:
        print(page([table for tables in found for table in tables], studies))
        return
    PAGE.write_text(
        page([table for name in PARTS for table in kept(name)], studies), encoding="utf-8"
    )
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main(sys.argv[1:])
