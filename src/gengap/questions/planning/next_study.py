"""What the next study needs: records in, a plan in numbers and sentences out.

Reads paired differences from a study's records (:mod:`.differences`), estimates what they vary
with (:mod:`gengap.statistics.variance_parts`) and says what shows a difference of a given size
(:mod:`gengap.statistics.allocation`). Where the records hold runs trained on several numbers of
environments, a learning curve (:mod:`gengap.statistics.curves`) says what more of them bring.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gengap.base.errors import UsageError, listing
from gengap.questions.planning.differences import (
    PairedDifferences,
    paired_differences,
    scores_by_training_environments,
)
from gengap.records.store import Store
from gengap.records.studies import studies_of
from gengap.statistics.allocation import Option, Plan, best_allocation, runs_to_detect
from gengap.statistics.curves import Curve, fit_curve
from gengap.statistics.power_law import FEWEST_SIZES
from gengap.statistics.variance_parts import VarianceParts, variance_parts
from gengap.study.metrics import Metric, metric_for
from gengap.study.result import read_result

BOTH_OF_A_KIND = (
    "whether more training environments or more examples per environment would raise the unseen "
    "score; to learn that, run the same data with other splits (--splits leave-2-out, leave-3-out, "
    "...) into the same --out"
)


@dataclass(frozen=True)
class NextStudy:
    """A plan with the words that go with it.

    Attributes:
        problem: the data's name.
        metric: the score planned for.
        method: the method.
        against: the method it is compared with; None for the cost of unseen.
        parts: what the difference varies with.
        plan: what shows the difference.
        allocations: ways to spend a budget, best first; empty without one.
        curve: unseen score against the number of training environments, or None.
        sentences: the answer in words.
    """

    problem: str
    metric: str
    method: str
    against: str | None
    parts: VarianceParts
    plan: Plan
    allocations: tuple[Option, ...]
    curve: Curve | None
    sentences: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """JSON values; what is not finite becomes None."""
        curve = self.curve and {
            "exponent": asdict(self.curve.exponent),
            "limit": asdict(self.curve.limit),
            "saturates": self.curve.saturates,
            "sizes": self.curve.sizes.tolist(),
            "note": self.curve.note,
        }
        content = {
            "problem": self.problem,
            "metric": self.metric,
            "method": self.method,
            "against": self.against,
            "parts": asdict(self.parts),
            "plan": asdict(self.plan),
            "allocations": [asdict(option) for option in self.allocations],
            "curve": curve,
            "sentences": list(self.sentences),
        }
        found: dict[str, Any] = _finite(content)
        return found


def next_study(
    store: Store,
    detect: float,
    *,
    method: str | None = None,
    against: str | None = None,
    study: str | None = None,
    metric: str | None = None,
    power: float = 0.8,
    level: float = 0.95,
    budget: int | None = None,
) -> NextStudy:
    """Plan the study that shows a difference of ``detect``, from the records of one made.

    Args:
        store: the records.
        detect: the difference to find, in the unit of the score: 0.02 of accuracy is 2 points.
        method: its name; None for plain training, or the first method where it was not run.
        against: another method to compare with; None plans for the cost of unseen.
        study: which one, where the records hold several; None for the one carried out last.
        metric: None for the study's own.
        power: chance to find the difference.
        level: 1 minus the chance to find one that is not there.
        budget: runs to spend from scratch.

    Raises:
        UsageError: unknown names, records without what is needed, numbers out of range.
    """
    if not 0 < detect < math.inf:
        raise UsageError(
            f"The difference to detect is {detect}; give a positive number, e.g. 0.02."
        )
    result = read_result(store, study)
    data = result.plan.problem
    name = method or next(iter(result.scores))
    if name == against:
        raise UsageError(f"{name} cannot be compared with itself; name another method.")
    score = metric_for(metric, data.task) if metric else result.plan.score
    _check_fraction(detect, score)
    found = paired_differences(result, name, against, score)
    columns = found.difference, found.environment, found.seed, found.example
    parts = variance_parts(*columns, pool=data.examples / len(data.environments))
    costs = _costs(found, parts)
    plan = runs_to_detect(parts, detect, power, level, **costs)
    allocations = () if budget is None else best_allocation(parts, budget, detect, level, **costs)
    alike = [read_result(store, key) for key in studies_of(store, data.fingerprint)]
    counts, scores = scores_by_training_environments(alike, name, score)
    enough = len(np.unique(counts)) >= FEWEST_SIZES
    best = 1.0 if score.higher_is_better else 0.0
    curve = fit_curve(counts, scores, best=best, level=level) if enough else None
    words = [_now(plan, parts, score, name, against), _cheapest(plan)]
    words += [_spend(allocations[0], budget)] if budget is not None and allocations else []
    words += [_curve_words(curve, counts, score), plan.note]
    return NextStudy(
        result.name, score.name, name, against, parts, plan, allocations, curve,
        tuple(filter(None, words)),
    )  # fmt: skip


def amount(value: float, metric: Metric) -> str:
    """A difference as it is read: ``1.5 points`` for fractions, else three digits."""
    if math.isnan(value):
        return "n/a"
    shown = 100 * value if metric.fraction else value
    text = f"{shown:.3g}" if abs(shown) < 999.5 else f"{shown:,.0f}"
    return f"{text} {'point' if text == '1' else 'points'}" if metric.fraction else text


def _check_fraction(detect: float, metric: Metric) -> None:
    if not metric.fraction or detect < 1:
        return
    fix = f"did you mean {detect / 100:g}?" if detect < 100 else "give a fraction, e.g. 0.02."
    raise UsageError(
        f"A difference of {detect:g} in {metric.name} would be {100 * detect:,.0f} points; {fix}"
    )


def _costs(found: PairedDifferences, parts: VarianceParts) -> dict[str, float]:
    own = found.runs - found.shared_runs
    return {
        "runs_per_environment": own / (parts.environments * parts.seeds),
        "runs_per_seed": found.shared_runs / parts.seeds,
    }


def _now(plan: Plan, parts: VarianceParts, metric: Metric, method: str, against: str | None) -> str:
    what = f"{method} minus {against}" if against else f"The cost of unseen of {method}"
    return (
        f"{what} is {amount(parts.difference, metric)} over {parts.environments:,} environments "
        f"and {parts.seeds:,} {_plural('seed', parts.seeds)}; for environments like these it is "
        f"known to ±{amount(plan.now.half_width, metric)}, and a true difference of "
        f"{amount(plan.difference, metric)} would show in {plan.now.power:.0%} of such studies."
    )


def _cheapest(plan: Plan) -> str:
    if plan.now.power >= plan.power:
        return "That is enough: no further run is needed."
    examples = plan.option("examples")
    before, after = plan.now.whole_examples, examples.whole_examples
    labels = (
        f"{after - before:,} more test {_plural('example', after - before)} per environment and "
        f"seed ({after:,} instead of {before:,})"
    )
    if plan.cheapest is None:
        seldom = f"No number of environments and seeds within reach brings it to {plan.power:.0%}"
        return f"{seldom}, but {labels} would." if examples.possible else f"{seldom}."
    best = plan.cheapest
    more = [
        f"{count:,} more {_plural(word, count)}"
        for word, count in (
            ("environment", best.environments - plan.now.environments),
            ("seed", best.seeds - plan.now.seeds),
        )
        if count
    ]
    runs = f"{best.runs:,} new {_plural('run', best.runs)}"
    sentence = f"Cheapest: {' and '.join(more)} ({runs}) make it {best.power:.0%}"
    if examples.possible:
        sentence += f"; without a new run, {labels} would"
    return sentence + "."


def _spend(option: Option, budget: int) -> str:
    return (
        f"{budget:,} runs from scratch are best spent on {option.environments:,} environments and "
        f"{option.seeds:,} {_plural('seed', option.seeds)}: power {option.power:.0%}."
    )


def _curve_words(curve: Curve | None, counts: np.ndarray, metric: Metric) -> str:
    if curve is None:
        numbers = listing(np.unique(counts))
        return (
            f"The runs were trained on {numbers} environments, which cannot tell {BOTH_OF_A_KIND}."
        )
    largest = int(counts.max())
    now, then = curve.predict(largest), curve.predict(2 * largest)
    verdict = {
        "levels off": "The curve levels off: more examples or another method may do more.",
        "keeps improving": "The curve has not begun to level off.",
        "flat": "The number of environments makes no visible difference.",
    }.get(curve.saturates, "Whether it levels off cannot be told from these sizes.")
    return (
        f"Twice the {largest} training environments would change the unseen {metric.name} from "
        f"{now.estimate:.3g} to {then.estimate:.3g} ({then.low:.3g} to {then.high:.3g}). {verdict}"
    )


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
