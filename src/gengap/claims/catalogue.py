"""All claims, by name."""

from __future__ import annotations

from collections.abc import Sequence

from gengap.base.errors import UsageError, unknown
from gengap.claims import (
    adapting,
    benchmarks,
    boxes,
    collapse,
    compounds,
    contexts,
    corrective,
    corrupted_answers,
    coverage,
    crafted_shifts,
    curricula,
    curriculum,
    disguises,
    drift,
    edge,
    elsewhere,
    expressions,
    fairness,
    few_labels,
    fine_tuned,
    goals,
    grokking,
    guided,
    histories,
    hypotheses,
    in_context,
    initialisations,
    instructions,
    iterations,
    labelled_logs,
    level_samplers,
    linear_grokking,
    logs,
    margins,
    memory,
    offline_play,
    open_streams,
    physical,
    places,
    planned,
    players,
    procedures,
    repeated,
    representations,
    reproducible,
    rich,
    rules,
    shortcuts,
    simulated,
    sites,
    solutions,
    sources,
    stepwise,
    strangers,
    structures,
    sums,
    tickets,
    transfers,
    turned_tasks,
    two_facts,
    typicality,
    unseen_cube,
    warm_starts,
    weighting,
)
from gengap.claims.claim import Claim

ALL = "all"
_MODULES = (
    places, sites, fairness, coverage, contexts, elsewhere, typicality, margins, memory, shortcuts,
    weighting, rich, benchmarks, strangers, offline_play, goals, edge, warm_starts, procedures,
    physical, sources, players, solutions, corrective, compounds, in_context, structures, grokking,
    corrupted_answers, linear_grokking, unseen_cube, tickets, sums, initialisations, two_facts,
    logs, drift, guided, level_samplers, fine_tuned, adapting, reproducible, transfers,
    representations, labelled_logs, hypotheses, few_labels, open_streams, turned_tasks,
    repeated, curriculum, collapse, expressions, boxes, simulated, crafted_shifts, iterations,
    stepwise, histories, disguises, instructions, rules,
    planned, curricula,
)  # fmt: skip


def claims() -> dict[str, Claim]:
    """Every claim by name, in the order of the page."""
    return {claim.name: claim for module in _MODULES for claim in module.CLAIMS}


def wanted(names: Sequence[str]) -> list[Claim]:
    """The claims that names stand for, each once.

    Args:
        names: of claims; numbers or arXiv numbers of papers, for all claims of these; or ``all``.

    Raises:
        UsageError: there is no such claim or paper, or none is named.
    """
    known = claims()
    if not names:
        raise UsageError("No claim is named; name one, a paper's number, or all.")
    found: dict[str, Claim] = {}
    for name in names:
        own = [claim for claim in known.values() if _meant(claim, name)]
        if not own:
            numbers = {str(claim.number) for claim in known.values()}
            raise unknown(f"There is no claim {name!r}", name, [*known, *sorted(numbers)])
        found |= {claim.name: claim for claim in own}
    return list(found.values())


def _meant(claim: Claim, name: str) -> bool:
    arxiv = claim.paper.link.rsplit("/", 1)[-1]
    return name in (ALL, claim.name, str(claim.number), arxiv)
