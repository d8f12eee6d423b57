"""A study: what to train and how, planned, carried out and recorded.

The plan fixes every run and the chunks that train together before anything starts, so a study
that was interrupted and started again computes exactly what it would have computed undisturbed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from gengap.base.errors import Caveat, UsageError, check_whole, listing
from gengap.base.progress import Progress
from gengap.environments.checks import check, drop_small
from gengap.environments.core import Environments
from gengap.environments.splits import HoldOutCombinations, parse_splits
from gengap.environments.streams import Stream
from gengap.methods.registry import registered
from gengap.models.given_modules import said_of_module
from gengap.models.starting import Start, read_start
from gengap.records.database import parse
from gengap.records.store import Store
from gengap.records.studies import add_execution
from gengap.records.study import Cell, Execution
from gengap.study.affordable import check_affordable, check_workers
from gengap.study.cells import cells_of
from gengap.study.checkpoints import checkpoints_of
from gengap.study.entries import entries_of, several
from gengap.study.execution import Resources, Work, device, execute
from gengap.study.keeping import affordable, keep_the_best, places
from gengap.study.keys import BATCH, DEFAULT_MEMORY, MODEL, STEPS
from gengap.study.metric_names import metric_for
from gengap.study.plan import Entry, Plan, write_plan
from gengap.study.problem_records import problem_record, task_of, units_record
from gengap.study.protocol import batch_of, leave_out, one_network_seconds, seconds_of
from gengap.study.result import Result
from gengap.study.rule_needs import check_rule
from gengap.study.rules import rule_named
from gengap.study.said_of_splits import said_of_splits
from gengap.study.scores import looks_of
from gengap.study.sized_cells import scarce, sized_cells
from gengap.study.sizes import in_words, parse_sizes
from gengap.study.undefined import said_of_undefined
from gengap.study.until_decided import check_sequential, looks_left, replay
from gengap.training.executors import check_name
from gengap.training.tables import Tables
from gengap.training.tasks import versions

MethodLike = Any  # a name, "sklearn:Name", {"name": {hyperparameters}}, a Method or an estimator


@dataclass
class Study:
    """What to train and how.

    Args:
        environments: the data (see :class:`~gengap.environments.core.Environments`), or any other
            problem (:class:`gengap.training.problem.Problem`).
        methods: registry names, ``"sklearn:Name"``, ``{"irm": {"penalty": 10}}``, method objects
            or scikit-learn estimators. Plain training joins a training method named alone.
        baseline: the method that the answer speaks of and that others are compared with; None for
            the first.
        seeds: how many seeds (0, 1, ...), or which.
        splits: ``"auto"`` (as the suite declares, else environments left out one at a time, or
            several where that takes long), a form that ``parse_splits`` reads, or a splitter.
        trials: hyperparameter settings per method: the defaults and ``trials - 1`` random draws.
        steps: training steps of a network; ``batch`` examples per environment and step. None for
            what the problem suggests, else 300 and 32.
        checkpoints: when runs are scored, e.g. ``"log:20"``; None for each third of the training
            (:mod:`gengap.study.checkpoints`).
        curves: also score the training part at every checkpoint, and note the norms of gradients
            and weights.
        model: ``"mlp"``, ``"mlp(64,64)"``, ``"linear"``, ``"cnn"``, a ``torch.nn.Module``
            (:mod:`gengap.models.given_modules`) or a function that returns one; of several, in a
            list or between commas, each method is trained with every one. None for what the
            problem suggests, else ``"mlp"``.
        start: weights, or a file of them, that networks start from where names and shapes are
            theirs (:mod:`gengap.models.starting`).
        adapters: test-time adapters of every trained model, named as methods are
            (:mod:`gengap.study.remedies`).
        merges: merges of trained models, likewise.
        stream, stream_batch: how inputs come to adapters (:mod:`gengap.environments.streams`).
        budget: whether methods train for as many ``"steps"`` or as many ``"passes"``; then one of
            two passes a step has half of the steps.
        metric: None for accuracy or r2; a name (docs/metrics.md), a scorer or a function.
        selection: the selection rule of the headline.
        inner: also train the runs that leave-one-environment-out selection needs.
        sizes: also train on other sizes of training sets, e.g.
            ``"environments=2,4,8;examples=50,200"`` (:mod:`gengap.study.sizes`).
        until_decided: add seeds, five at a time and ``seeds`` at most, until every method is told
            apart from the baseline (:mod:`gengap.study.until_decided`).
        keep_models: whose trained models are kept in the store: ``"auto"`` (the baseline and the
            method that ends best, where the store is kept and as long as those of all methods,
            of which the best is one, take no more than 512 MiB meanwhile),
            ``"all"``, ``"none"``, or names of methods.
        store: database URL or path; None keeps the records in memory.
        jobs: processes for runs that cannot share a program (0: one per core).
        threads: threads of the fleet (0: one per core).
        memory: bytes the fleet may use of its own.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        executor: where runs train: None for threads and processes here; ``"threads"``,
            ``"processes"``, ``"ray"``, ``"ray://host:port"`` or ``"dask://host:port"``; or any
            ``concurrent.futures.Executor``, which is left open.
        precision: ``"fp32"``, or ``"bf16"`` for products of networks in training where the machine
            has it (:mod:`gengap.models.precision`).
        plain_training: whether plain training joins a training method that would have nothing to
            be compared with.
        prepared_inputs: whether scikit-learn estimators get encoded, standardised inputs; None
            leaves it to what they can read (:mod:`gengap.training.inputs`).
        name: what to call it; the data's name when empty.
        command: what the user typed.
        source: where data and options came from, as keys of a study file
            (:mod:`gengap.study.source`).
    """

    environments: Any
    methods: Sequence[MethodLike] = ("erm",)
    baseline: str | None = None
    seeds: int | Sequence[int] = 5
    splits: Any = "auto"
    trials: int = 1
    steps: int | None = None
    batch: int | None = None
    checkpoints: str | None = None
    curves: bool = False
    model: Any = None
    start: str | Path | Start | None = None
    adapters: Sequence[Any] = ()
    merges: Sequence[Any] = ()
    stream: str = "reset"
    stream_batch: int = 32
    budget: str = "steps"
    metric: Any = None
    selection: str = "validation"
    inner: bool = False
    sizes: str | None = None
    until_decided: bool = False
    keep_models: str | Collection[str] = "auto"
    store: str | Path | None = None
    jobs: int = 0
    threads: int = 0
    memory: int = DEFAULT_MEMORY
    device: str = "auto"
    executor: Any = None
    precision: str = "fp32"
    plain_training: bool = True
    prepared_inputs: bool | None = None
    name: str = ""
    command: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list, init=False)
    skipped: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.steps = self._steps
        self.model = (
            getattr(self.environments, "model", MODEL) if self.model is None else self.model
        )
        self.batch = self._batch  # which may follow the splits, and they what a network costs
        if isinstance(self.metric, str) and hasattr(self.environments, "scored_by"):
            self.environments = self.environments.scored_by(self.metric)
        check_whole(steps=self.steps, batch=self.batch, trials=self.trials, memory=self.memory)
        check_whole(0, jobs=self.jobs, threads=self.threads)
        check_workers(jobs=self.jobs, threads=self.threads)
        check_affordable(
            len(self.environments.names),
            len(self.methods),
            self.seeds if isinstance(self.seeds, int) else len(self.seeds),
            self.trials,
            self.steps,
            self.batch,
        )
        if isinstance(self.environments, Environments):
            self.environments = drop_small(self.environments)
            noted = [*check(self.environments), *self.environments.notes]
            self.warnings = sorted(noted, key=lambda note: not isinstance(note, Caveat))
        else:
            self.warnings = list(self.environments.notes)
        self.warnings = [*said_of_module(self.model), *self.warnings]
        self.name = self.name or self.environments.name
        named = self.problem.metric(self.metric) if isinstance(self.metric, str | None) else None
        self.metric_used = metric_for(
            named or self.metric, task_of(self.problem), len(self.problem.classes)
        )

    @property
    def _steps(self) -> int:
        suggested = getattr(self.environments, "steps", STEPS)
        return int(suggested if self.steps is None else self.steps)

    @property
    def _batch(self) -> int:
        if self.batch is not None:
            return int(self.batch)
        if drawn := getattr(self.environments, "drawn", None):
            return batch_of(drawn, self.environments, self._splits[1])
        return int(getattr(self.environments, "batch", BATCH))

    @cached_property
    def problem(self) -> Any:
        """What runs are trained on and scored on."""
        given = self.environments
        return Tables.of(given) if isinstance(given, Environments) else given

    @cached_property
    def seed_list(self) -> list[int]:
        """The seeds as a list."""
        if isinstance(self.seeds, int):
            check_whole(seeds=self.seeds)
            return list(range(self.seeds))
        found = [int(s) for s in self.seeds]
        if not found or min(found) < 0 or len(set(found)) < len(found):
            raise UsageError(
                f"seeds must be a number of at least 1 or distinct numbers from 0 up, not {found}."
            )
        return found

    @cached_property
    def architectures(self) -> dict[str, Any]:
        """The networks' architectures by name, each made once to learn its shape."""
        from gengap.models.networks import architecture
        from gengap.models.precision import products

        made = getattr(self.problem, "architecture", architecture)
        own = products(self.precision, device(self.device))
        found = [made(model, own) for model in several(self.model)]
        for one in found:
            drawn = one.initialise(self.problem.shape, self.problem.outputs, 0)
            if self.started is not None:
                self.started.check(drawn, one.name)
        return {one.name: one for one in found}

    @cached_property
    def started(self) -> Start | None:
        """The weights that networks start from, where a file of them is named."""
        return None if self.start is None else read_start(self.start)

    @property
    def architecture(self) -> Any:
        """The first of them."""
        return next(iter(self.architectures.values()))

    @property
    def stream_used(self) -> Stream:
        """How inputs come to adapters."""
        return Stream(self.stream, self.stream_batch)

    def steps_of(self, method: str) -> int:
        """Training steps of a registered method: fewer of one with more passes, if passes count."""
        passes = registered(method).passes
        if self.budget == "steps" or not passes:  # what only acts, or solves, has nothing to spend
            return self._steps
        return max(1, round(self._steps / passes))

    @cached_property
    def scored_at(self) -> list[int]:
        """Steps at which runs are scored."""
        return checkpoints_of(self.checkpoints, self._steps)

    @cached_property
    def plan(self) -> Plan:
        """Everything fixed: every run of every method; ``skipped`` says what cannot apply."""
        problem = self.problem
        splits, splitter = self._splits
        cells = cells_of(problem, splitter.iterate(problem), inner=self.inner)
        cells, sized = self._with_sizes(cells)
        entries, added = self._entries(min(len(cell.train) for cell in cells))
        plan = Plan(
            name=self.name,
            problem=problem_record(problem),
            units=units_record(problem),
            entries=entries,
            cells=cells,
            seeds=tuple(self.seed_list),
            metric=self.metric_used.name,
            selection=self.selection,
            about={
                "trials": self.trials,
                "steps": self.steps,
                "batch": self.batch,
                "model": ", ".join(self.architectures),
                "splits": splits,
                **({"curves": True} if self.curves else {}),
                **({"budget": self.budget} if self.budget != "steps" else {}),
                **({"cluster": problem.cluster} if getattr(problem, "cluster", "") else {}),
                **({"added": added} if added else {}),
                **sized,
            },
            level=0.95 if self.until_decided else None,
        )
        said = said_of_undefined(plan) + said_of_splits(problem, plan)
        self.warnings = sorted([*self.warnings, *said], key=lambda s: not isinstance(s, Caveat))
        return plan

    def _with_sizes(self, cells: tuple[Cell, ...]) -> tuple[tuple[Cell, ...], dict[str, Any]]:
        """Cells of other sizes beside those of the splits, and what the plan notes of them."""
        if self.sizes is None:
            return cells, {}
        text = in_words(self.sizes, getattr(self.problem, "words", ()))
        sizes = parse_sizes(text)
        if self.until_decided:
            raise UsageError("Sizes need all seeds; leave --until-decided or --sizes out.")
        factors: list[str] = []
        splitter = self._splits[1]
        if sizes.by == "combinations":
            if not isinstance(splitter, HoldOutCombinations):
                raise UsageError(
                    "combinations in --sizes counts those of --splits combinations:A,B; give such "
                    "a split, or environments in place of combinations."
                )
            factors = [splitter.first, splitter.second]
        units = units_record(self.problem)
        unseen = [cell for cell in cells if cell.role == "unseen"]
        names = self.problem.names
        found = sized_cells(units, names, unseen, self.seed_list, sizes, factors)
        self.warnings += scarce(units, names, sizes, factors)
        return (*cells, *found), {"sizes": {"axes": text, "factors": factors}}

    @property
    def _splits(self) -> tuple[str, Any]:
        """The splits in words, and what makes them."""
        if not isinstance(self.splits, str):
            return repr(self.splits), self.splits
        own = getattr(self.problem, "splits", "auto") if self.splits == "auto" else self.splits
        if own != "auto":
            return own, parse_splits(own)
        seconds = seconds_of(self) * len(self.seed_list)
        return leave_out(len(self.problem.names), seconds)

    def _entries(self, fewest: int) -> tuple[tuple[Entry, ...], list[str]]:
        """The methods, resolved, and which of them nobody named.

        Args:
            fewest: the smallest number of training environments.
        """
        found = entries_of(self, fewest)
        self.skipped = found.skipped
        self.warnings += found.warnings
        return found.entries, found.added

    def validate(self) -> None:
        """Work out the whole plan, which ``run`` does as well.

        Raises:
            UsageError: the study cannot run as described; nothing has been written yet.
        """
        if self.budget not in ("steps", "passes"):
            raise UsageError(f"A budget is counted in steps or passes, not in {self.budget!r}.")
        device(self.device)
        check_name(self.executor)
        if self.store is not None:
            parse(self.store)
        check_rule(self)
        if self.until_decided:
            check_sequential(self.plan, self.skipped)
        _ = self._kept

    @cached_property
    def _kept(self) -> frozenset[str]:
        """Methods whose models are kept while training."""
        return self._asked_for | self._remedied

    @cached_property
    def _remedied(self) -> frozenset[str]:
        """Methods whose models remedies start from."""
        return frozenset(e.remedy.of.name for e in self.plan.entries if e.remedy is not None)

    @cached_property
    def _asked_for(self) -> frozenset[str]:
        """Methods whose models were asked for."""
        names = [entry.name for entry in self.plan.entries]
        if self.keep_models == "auto":
            each = self.network_size[1] * (len(self.scored_at) if self._keeps_every else 1)
            return affordable(self.plan, each) if self.store is not None else frozenset()
        if self.keep_models in ("all", "none"):
            return frozenset(names if self.keep_models == "all" else ())
        wanted = [self.keep_models] if isinstance(self.keep_models, str) else self.keep_models
        unknown = [name for name in wanted if name not in (*names, *self.skipped)]
        if unknown:
            raise UsageError(
                f"There is no method {unknown[0]!r} in this study whose models could be kept; name "
                f"{listing(names)}, or use auto, all or none."
            )
        return frozenset(wanted)

    @cached_property
    def network_size(self) -> tuple[int, int]:
        """Weights of one network, and the bytes they take."""
        made = self.architecture.initialise(self.problem.shape, self.problem.outputs, 0).values()
        sizes = [int(p.numel()) for p in made]
        return sum(sizes), sum(n * p.element_size() for n, p in zip(sizes, made, strict=True))

    @cached_property
    def network_seconds(self) -> float:
        """About what one run of a network takes; worked out once, whatever the batch is later."""
        return one_network_seconds(self)

    @property
    def _keeps_every(self) -> bool:
        """Whether models of other checkpoints than the last may be selected, or joined."""
        joined = any(e.remedy and e.remedy.joins == "trajectory" for e in self.plan.entries)
        return bool(rule_named(self.selection).criterion) or joined

    def run(self, progress: Callable[[Progress], None] | None = None) -> Result:
        """Train what the store does not hold yet, and return the result.

        Args:
            progress: called often with a :class:`~gengap.base.progress.Progress`.

        Raises:
            UsageError: the study cannot run as described.
            KeyboardInterrupt: finished chunks are kept; running the study again goes on from there.
        """
        self.validate()
        store = Store(self.store if self.store is not None else "sqlite://")
        try:
            before = places(self.plan, store) if self._kept else set()
            self.skipped.update(self.carry_out(store, self.plan, progress))
            return self._finish(store, before)
        except BaseException:
            store.close()
            raise

    def carry_out(
        self, store: Store, plan: Plan, progress: Callable[[Progress], None] | None = None
    ) -> dict[str, str]:
        """Train what a store lacks of the study's plan, or of a part of it.

        Returns:
            methods that could not run, with the reason.
        """
        tell = progress or (lambda _: None)
        write_plan(plan, store)
        if plan.level is not None:
            return self._until_decided(store, tell)
        return execute(plan, self._work, store, self._resources, tell)

    def _until_decided(self, store: Store, progress: Callable[[Progress], None]) -> dict[str, str]:
        """Train batch after batch of seeds until the replay of their scores asks for no more."""
        skipped: dict[str, str] = {}
        done = 0
        while (batch := replay(self.plan, store, skipped).pending) is not None:
            planned = sum(map(len, batch.runs.values()))
            total = done + planned * (looks_left(self.plan, batch) + 1)

            def onwards(now: Progress, done: int = done, total: int = total) -> None:
                progress(Progress(done + now.done, total, now.doing))

            skipped |= execute(batch, self._work, store, self._resources, onwards)
            check_sequential(self.plan, {**self.skipped, **skipped})
            done += planned
        return skipped

    def _finish(self, store: Store, before: Set[tuple[str, int]]) -> Result:
        """Record that the study was carried out, with the looks its rules took; then read it."""
        execution = Execution(
            study=self.plan.record.key,
            finished=datetime.now(UTC),
            command=self.command,
            source=self.source,
            versions=versions(),
            warnings=tuple(self.warnings),
            skipped=dict(self.skipped),
        )
        result = Result(self.plan, store, execution)
        result.study = self
        add_execution(store, execution, looks_of(result.scores))
        if self._kept:
            keep_the_best(result, before, self._asked_for, str(self.keep_models))
        return result

    @cached_property
    def _resources(self) -> Resources:
        return Resources(self.jobs, self.threads, self.memory, self.executor)

    @cached_property
    def _work(self) -> Work:
        return Work(
            problem=self.problem,
            architectures=self.architectures,
            batch=self._batch,
            start=self.started,
            device=device(self.device),
            keep=self._kept,
            again=self.keep_models != "auto",
            remedied=self._remedied,
            stream=self.stream_used,
            small=self.keep_models == "auto",
            keep_every=self._keeps_every,
            curves=self.curves,
            crafted=rule_named(self.selection).criterion == "crafted",
            scores=self.metric_used.scores,
        )
