"""How fast are the statistics, against the same work done one resample at a time?

    python benchmarks/statistics_speed.py           print the table
    python benchmarks/statistics_speed.py --plot    also draw docs/statistics-cost.svg

(A file called statistics.py here would stand in for the standard library's.) Two threads; medians
of several repeats within one run. The plain ways are those of the libraries
that people use: a loop over resamples with arch's stratified indices and scipy's statistics (as
rliable does), and a kernel matrix permuted for each permutation (as alibi-detect does). They are
timed on fewer resamples and scaled, which is exact for a loop.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats

from gengap.questions.comparison import ScoreTable
from gengap.questions.comparison.summary import summarise
from gengap.report import render_html
from gengap.statistics.aggregate_intervals import aggregate_intervals
from gengap.statistics.improvement import probability_of_improvement
from gengap.statistics.two_sample import mmd_test

REPEATS = 5
PLOT = Path(__file__).parent.parent / "docs" / "statistics-cost.svg"
RUNS, ENVIRONMENTS = 10, 16


def seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def scores(methods: int = 2, environments: int = ENVIRONMENTS, runs: int = RUNS) -> np.ndarray:
    return np.random.default_rng(0).gamma(2.0, 0.4, (methods, environments, runs))


def aggregates(table: np.ndarray, replicates: int) -> None:
    for method in table:
        aggregate_intervals(method, replicates=replicates, threads=2)


def plain_aggregates(table: np.ndarray, replicates: int) -> None:
    rng = np.random.default_rng(0)
    E, S = table.shape[1:]
    for method in table:
        for _ in range(replicates):
            drawn = np.stack([method[e, rng.integers(S, size=S)] for e in range(E)])
            means = drawn.mean(axis=1)
            _ = means.mean(), np.median(means), stats.trim_mean(drawn, 0.25, axis=None)
            _ = 1 - np.minimum(drawn, 1).mean()


def plain_improvement(table: np.ndarray, replicates: int) -> None:
    rng = np.random.default_rng(0)
    E, S = table.shape[1:]
    for _ in range(replicates):
        won = [
            stats.mannwhitneyu(
                table[0, e, rng.integers(S, size=S)], table[1, e, rng.integers(S, size=S)]
            ).statistic
            / S**2
            for e in range(E)
        ]
        _ = np.mean(won)


def plain_mmd(x: np.ndarray, y: np.ndarray, permutations: int) -> None:
    both = np.concatenate([x, y])
    squares = (both**2).sum(axis=1)
    distances = squares[:, None] + squares[None] - 2 * both @ both.T
    kernel = np.exp(-distances / np.median(distances))
    rng, n = np.random.default_rng(0), len(x)
    for _ in range(permutations):
        order = rng.permutation(len(both))
        permuted = kernel[np.ix_(order, order)]
        _ = permuted[:n, :n].mean() + permuted[n:, n:].mean() - 2 * permuted[:n, n:].mean()


def whole(methods: int = 20, environments: int = 50, runs: int = 10) -> None:
    table = scores(methods, environments, runs)
    names = [
        tuple(f"{kind} {k}" for k in range(size))
        for kind, size in zip(("method", "environment", "seed"), table.shape, strict=True)
    ]
    render_html(summarise(ScoreTable(table, *names)))


def line(what: str, ours: float, plain: float | None = None) -> None:
    ratio = "" if plain is None else f"{plain:9.2f} s plain {plain / ours:7.0f} times"
    print(f"{what:58s} {ours:8.3f} s {ratio}")


def table() -> None:
    two = scores()
    line(
        "50,000 resamples, 4 aggregates, 2 methods, 10 runs x 16",
        seconds(lambda: aggregates(two, 50_000)),
        100 * seconds(lambda: plain_aggregates(two, 500), 3),
    )
    line(
        "2,000 resamples of the probability of improvement",
        seconds(lambda: probability_of_improvement(two[0], two[1], replicates=2_000)),
        50 * seconds(lambda: plain_improvement(two, 40), 3),
    )
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 2_000, 32))
    line(
        "MMD test, n = 2,000, 32 features, 100 permutations",
        seconds(lambda: mmd_test(x, y, permutations=100)),
        10 * seconds(lambda: plain_mmd(x, y, 10), 3),
    )
    line("compare 20 methods x 50 environments x 10 seeds, report", seconds(whole, 3))


def curves() -> dict[str, list[tuple[int, float]]]:
    """Seconds against size, each from the sizes of the first line of the table."""
    two = scores()
    return {
        "resamples": [
            (n, seconds(lambda n=n: aggregates(two, n), 3))  # type: ignore[misc]
            for n in (1_000, 3_000, 10_000, 30_000, 100_000)
        ],
        "runs": [
            (n, seconds(lambda n=n: aggregates(scores(runs=n), 2_000), 3))  # type: ignore[misc]
            for n in (3, 10, 30, 100, 200)
        ],
        "methods": [
            (n, seconds(lambda n=n: whole(n, 16), 1))  # type: ignore[misc]
            for n in (2, 5, 10, 20, 40)
        ],
    }


def draw(measured: dict[str, list[tuple[int, float]]]) -> str:
    """Three log-log panels side by side, as SVG."""
    titles = {
        "resamples": "4 aggregates of 2 methods: seconds by resamples",
        "runs": "the same at 2,000 resamples: by runs per cell",
        "methods": "gengap compare, report included: by methods",
    }
    width, height, pad = 300, 220, 46
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {3 * width} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="11" fill="#333">'
        "<title>Seconds of the statistics against size</title>"
        f'<rect width="{3 * width}" height="{height}" fill="#fff"/>'
    ]
    for k, (name, points) in enumerate(measured.items()):
        xs, ys = (np.log10([point[i] for point in points]) for i in (0, 1))
        low, high = np.floor(ys.min()), np.ceil(ys.max())
        right = width - pad - 14

        def place(x: float, y: float, k: int = k) -> tuple[float, float]:
            across = (x - xs[0]) / (xs[-1] - xs[0]) * right  # noqa: B023
            return k * width + pad + across, 28 + (high - y) / (high - low) * (height - 62)  # noqa: B023

        parts.append(f'<text x="{k * width + 12}" y="16">{titles[name]}</text>')
        for power in np.arange(low, high + 1):
            (x0, y0), (x1, _) = place(xs[0], power), place(xs[-1], power)
            parts.append(
                f'<path d="M{x0:.1f} {y0:.1f}H{x1:.1f}" stroke="#ddd"/>'
                f'<text x="{x0 - 6:.1f}" y="{y0 + 4:.1f}" text-anchor="end">'
                f"{10.0**power:g} s</text>"
            )
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in map(place, xs, ys))
        parts.append(f'<polyline points="{path}" fill="none" stroke="#2a6f97" stroke-width="2"/>')
        for (size, _), x, y in zip(points, xs, ys, strict=True):
            a, b = place(x, y)
            parts.append(
                f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="#2a6f97"/>'
                f'<text x="{a:.1f}" y="{height - 12}" text-anchor="middle">{size:,}</text>'
            )
    return "\n".join([*parts, "</svg>\n"])


if __name__ == "__main__":
    table()
    if "--plot" in sys.argv:
        PLOT.write_text(draw(curves()), encoding="utf-8")
        print(f"wrote {PLOT}")
