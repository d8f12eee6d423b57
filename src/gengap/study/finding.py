"""What a study found, as numbers: the schema of ``gap.json``, declared here and nowhere else.

Scores are in the unit of the metric. Positive gaps, difficulties and costs are worse off, for
scores and for losses; positive differences are better than what is compared with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gengap.base.files import json_values


@dataclass(frozen=True)
class Skipped:
    """A method that was left out, and why."""

    method: str
    reason: str


@dataclass(frozen=True)
class StudyRow:
    """What was studied and how.

    ``chance`` is the score of always giving the most frequent class or the mean; ``seconds`` the
    processor time of all runs; ``looks`` how often each rule looked at unseen environments.
    ``baseline`` is the method that the answer speaks of and that others are compared with;
    ``added`` are methods that nobody named. ``unseen_at_once`` is the largest number of
    environments that a split leaves out. ``caveats`` are warnings that change what the answer
    means.
    """

    name: str
    key: str
    task: str
    metric: str
    higher_is_better: bool
    metric_is_fraction: bool
    environments: list[str]
    environment_word: str
    examples: int
    seeds: list[int]
    trials: int
    steps: int | None
    batch: int | None
    model: str
    splits: str
    split_count: int
    unseen_at_once: int
    selection_rule: str
    looks: dict[str, int]
    caveats: list[str]
    warnings: list[str]
    skipped: list[Skipped]
    fingerprint: str
    versions: dict[str, str]
    created: str
    seconds: float
    runs: int
    chance: float | None
    command: str
    baseline: str
    added: list[str]


@dataclass(frozen=True)
class EnvironmentRow:
    """One method in one unseen environment; the limits are those of the cost of unseen."""

    method: str
    environment: str
    in_distribution: float
    unseen: float
    reference: float
    gap: float
    difficulty: float
    cost_of_unseen: float
    cost_low: float | None
    cost_high: float | None
    runs: int
    examples: int
    differing_examples: int


@dataclass(frozen=True)
class MethodRow:
    """One method over its unseen environments, each weighing equally.

    Limits of the cost: ``expected_low`` and ``_high`` for the mean over environments like these,
    ``new_environment_low`` and ``_high`` for a single new one, ``cost_low`` and ``_high`` for these
    environments. ``environments_needed`` is how many would tell this cost from none, as they
    scatter here; ``cost_with_all`` what is expected once all environments are trained on, under the
    assumption of :func:`gengap.statistics.source.cost_share`; ``difference_*`` how much better than
    the baseline.
    """

    method: str
    score_in_distribution: float
    score_unseen: float
    score_reference: float
    worst_unseen: float
    worst_environment: str
    gap: float
    difficulty: float
    cost_of_unseen: float
    cost_low: float | None
    cost_high: float | None
    expected_low: float | None
    expected_high: float | None
    new_environment_low: float | None
    new_environment_high: float | None
    environments_needed: int | None
    cost_with_all: float | None
    cost_with_all_low: float | None
    cost_with_all_high: float | None
    difference_from_baseline: float | None
    difference_low: float | None
    difference_high: float | None
    verdict: str | None
    selection_rule: str
    seconds: float


@dataclass(frozen=True)
class RuleRow:
    """What a selection rule would have given; ``looks`` counts its looks at unseen environments."""

    rule: str
    method: str
    peeks: bool
    score_unseen: float | None
    score_low: float | None
    score_high: float | None
    looks: int
    available: bool
    note: str


@dataclass(frozen=True)
class SequentialRow:
    """When a method was told apart from the baseline, where seeds were added until then."""

    method: str
    verdict: str
    seeds: int
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    lopsided: bool


@dataclass(frozen=True)
class Sequential:
    """Seeds added until decided: what was decided after how many, and the table's seeds."""

    against: str
    level: float
    seeds_per_look: int
    most_seeds: int
    table_seeds: int
    decisions: list[SequentialRow]


@dataclass(frozen=True)
class CurveRow:
    """One quantity of a method along training: a score, or the norm of gradients or weights.

    ``mean`` is over splits, then over seeds; ``low`` and ``high`` are a 95% interval over seeds.
    """

    method: str
    name: str
    steps: list[int]
    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]


@dataclass(frozen=True)
class SizeRow:
    """One method at one size of training set; see :mod:`gengap.study.sizes`.

    ``environments`` and ``examples`` (all together) are averages over runs; ``asked`` is the point
    as it was asked for. ``share`` of the training set, or ``own`` examples, are the left-out
    environment's; such points have no reference. Limits are for environments like these.
    """

    method: str
    environments: float
    examples: float
    asked: str
    share: float
    own: int
    score_in_distribution: float
    in_distribution_low: float | None
    in_distribution_high: float | None
    score_unseen: float
    score_low: float | None
    score_high: float | None
    score_reference: float | None
    cost_of_unseen: float | None
    cost_low: float | None
    cost_high: float | None


@dataclass(frozen=True)
class SizeTrade:
    """How much better equally many examples from ``more`` environments do than from ``fewer``."""

    method: str
    examples: float
    fewer: float
    more: float
    difference: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class SizeTrend:
    """What twice as much brings on average over the sizes; positive is better.

    ``axis`` is ``environments`` at equal examples of each, ``examples`` of each, or the former
    minus the latter, which is the same total from twice the environments. ``score`` is the unseen
    one, the one in distribution, or how much faster the latter grows.
    """

    method: str
    axis: str
    score: str
    doubling: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class SizeLaw:
    """A power law of what a score lacks to the best there is, or of the cost, along one axis.

    ``score`` is ``unseen``, ``in distribution`` or ``cost of unseen``, ``limit`` the score or cost
    approached; ``backtest_*`` the score at the largest size, as measured
    and as foreseen by the smaller ones, None with fewer than four smaller ones.
    """

    method: str
    along: str
    score: str
    held: str
    sizes: list[float]
    exponent: float
    exponent_low: float
    exponent_high: float
    limit: float
    limit_low: float
    limit_high: float
    scale: float
    backtest_size: float | None
    backtest_measured: float | None
    backtest_forecast: float | None
    backtest_low: float | None
    backtest_high: float | None


@dataclass(frozen=True)
class SizesFinding:
    """What sizes of training sets did: ``axes`` as they were given, ``by`` what is counted."""

    axes: str
    by: str
    rows: list[SizeRow]
    trades: list[SizeTrade]
    trends: list[SizeTrend]
    laws: list[SizeLaw]


@dataclass(frozen=True)
class TargetRow:
    """One method at one of several targets; the limits are for the mean of environments like these.

    Runs were selected by the mean over the targets.
    """

    method: str
    target: str
    score_in_distribution: float
    score_unseen: float
    score_reference: float
    gap: float
    cost_of_unseen: float
    expected_low: float | None
    expected_high: float | None


@dataclass(frozen=True)
class OrderedRow:
    """A method's scores along environments that are numbers, ``(K,)`` each, with 95% intervals.

    ``role`` is ``unseen``, of the runs that trained on a part of the range, or ``reference``, of
    those that had seen all of it at equal data.
    """

    method: str
    role: str
    at: list[float]
    mean: list[float]
    low: list[float]
    high: list[float]


@dataclass(frozen=True)
class OrderedFinding:
    """Scores ``by`` a number, and the range that was trained on."""

    by: str
    trained_from: float
    trained_to: float
    rows: list[OrderedRow]


@dataclass(frozen=True)
class SpendingRow:
    """What a method took: passes over a batch in training, and passes for each answer.

    ``training`` counts passes forward and back, of all trials; ``forwards`` and ``backwards`` are
    passes of one example through a network.
    """

    method: str
    training: float
    forwards: float
    backwards: float


@dataclass(frozen=True)
class StreamRow:
    """What became of an adapter along its stream, beside the model that was left ``alone``.

    ``scores`` and ``scores_alone`` are where unseen, in windows ``at`` shares of the stream, None
    where none of it came. ``early`` and ``late`` are how much better than the model alone in the
    first and the second half, positive is better. ``source`` is the score of the model alone on
    the test part of what was trained on, ``source_after`` the adapter's once the stream is over,
    None where the stream puts the model back. ``near`` and ``far`` are the AUROC of strangeness for
    strangers of classes held out and for noise, ``*_alone`` by the entropy of the model alone; None
    where no such strangers came.
    """

    method: str
    alone: str
    stream: str
    batch: int
    at: list[float]
    scores: list[float | None]
    scores_alone: list[float | None]
    early: float | None
    early_low: float | None
    early_high: float | None
    late: float | None
    late_low: float | None
    late_high: float | None
    source: float | None
    source_after: float | None
    forgotten: float | None
    forgotten_low: float | None
    forgotten_high: float | None
    near: float | None
    near_alone: float | None
    far: float | None
    far_alone: float | None


@dataclass(frozen=True)
class StudyFinding:
    """Everything that a study found."""

    study: StudyRow
    environments: list[EnvironmentRow]
    methods: list[MethodRow]
    rules: list[RuleRow]
    sequential: Sequential | None = None
    curves: list[CurveRow] | None = None
    sizes: SizesFinding | None = None
    targets: list[TargetRow] | None = None
    ordered: OrderedFinding | None = None
    spending: list[SpendingRow] | None = None
    streams: list[StreamRow] | None = None

    def as_json(self) -> dict[str, Any]:
        """JSON values, what is not finite as None; an absent part is left out."""
        found: dict[str, Any] = json_values(self)
        for part in ("sequential", "curves", "sizes", "targets", "ordered", "spending", "streams"):
            if getattr(self, part) is None:
                del found[part]
        return found


def schema() -> dict[str, Any]:
    """JSON Schema of ``gap.json``, as docs/reference/gap.schema.json holds it."""
    from pydantic import TypeAdapter

    found = TypeAdapter(StudyFinding).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
