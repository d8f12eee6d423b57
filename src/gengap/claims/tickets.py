"""Parts of a network that grok sooner than the whole.

G. Minegishi et al., Bridging lottery ticket and grokking (arXiv 2310.19470): cut a network that has
generalised down to its largest weights, begin these anew where they began, and they generalise far
sooner than the whole network; so does neither a whole one begun with the same norm, nor what is cut
down when the network has fitted and not yet generalised. Here three fifths of the weights of each
layer are kept; of two fifths nothing generalised within the steps, on draw 100, which is not among
those of the claims.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.table_runs import MODEL, SETTINGS, P, TableRun, table_runs
from gengap.models.networks import Parameters
from gengap.models.subnetworks import Subnetwork, largest
from gengap.questions.diagnosis.training import grokking_delay
from gengap.sequences.architectures import named
from gengap.sequences.vocabulary import SPECIAL

PAPER = Paper(
    "Bridging lottery ticket and grokking: understanding grokking from inner structure of networks",
    "Minegishi, Iwasawa, Matsuo",
    2024,
    "https://arxiv.org/abs/2310.19470",
)
PAIRS, STEPS, FITTED, KEPT = 384, 1000, 50, 0.6


def sooner(draw: int, store: str) -> float:
    """Twofold steps to generalise, of the whole network in those of its ticket."""
    return _twofold(_whole(draw, store, STEPS), _late(draw, store))


def not_by_norm(draw: int, store: str) -> float:
    """The same, of the whole network begun with the norm of the ticket."""
    ticket = _ticket(draw, store, STEPS)
    places = len(ticket["tables"]) // _words(ticket)
    begun = named(MODEL).initialise((2, places), _words(ticket), 0)
    norms = [_norm(begun), _norm({name: ticket[name] * value for name, value in begun.items()})]
    control = _trained(draw, store, Subnetwork(named(MODEL), norms[1] / norms[0]))
    return _twofold(control, _late(draw, store))


def not_when_fitted(draw: int, store: str) -> float:
    """The same, of what is cut down when fitted and not yet generalised."""
    early = Subnetwork(named(MODEL), 1.0, _ticket(draw, store, FITTED))
    return _twofold(_trained(draw, store, early), _late(draw, store))


def _late(draw: int, store: str) -> TableRun:
    return _trained(draw, store, Subnetwork(named(MODEL), 1.0, _ticket(draw, store, STEPS)))


@lru_cache(maxsize=16)
def _whole(draw: int, store: str, steps: int) -> TableRun:
    """A whole network; at a constant rate one of fewer steps is the same, seen before."""
    (found,) = table_runs(draw, store, PAIRS, steps, [{"squared-error": SETTINGS}], keep=True)
    return found


def _ticket(draw: int, store: str, steps: int) -> Parameters:
    """Which weights are the largest after some steps."""
    network = _whole(draw, store, steps).network
    assert network is not None
    own = {name: value[0] for name, value in network.parameters.items()}
    kept = largest(own, KEPT)
    # Rows of tables that stand for no number of a source are never read; they are no weights to
    # choose among.
    words = _words(own)
    read = torch.zeros(own["tables"].shape[0] // words, words, dtype=torch.bool)
    read[[0, 2], len(SPECIAL) : len(SPECIAL) + P] = True
    rows = read.flatten()
    kept["tables"] = torch.ones_like(own["tables"])
    kept["tables"][rows] = largest({"read": own["tables"][rows]}, KEPT)["read"]
    return kept


def _trained(draw: int, store: str, model: Subnetwork) -> TableRun:
    (found,) = table_runs(draw, store, PAIRS, STEPS, [{"squared-error": SETTINGS}], model=model)
    return found


def _words(parameters: Parameters) -> int:
    return int(parameters["output.weight"].shape[-1])


def _norm(parameters: Parameters) -> float:
    return float(sum(value.square().sum() for value in parameters.values()) ** 0.5)


def _twofold(slow: TableRun, fast: TableRun) -> float:
    """The logarithm to base 2 of steps in steps; the last step where a run never generalises."""
    moments = []
    for run in (slow, fast):
        found = grokking_delay(run.steps.tolist(), run.train.tolist(), run.elsewhere.tolist())
        moments.append(found.generalises or int(run.steps[-1]))
    return float(np.log2(moments[0] / moments[1]))


_SETTING = (
    "384 sums modulo 31, a perceptron of 64 squares, squared error, decay 1, 1,000 steps; "
    "three fifths of the weights kept"
)
CLAIMS = (
    Claim(
        "tickets-grok-sooner",
        PAPER,
        383,
        "The largest weights of a network that has generalised, begun anew, generalise sooner "
        "than the whole",
        "twofold steps to be right elsewhere (95%), the whole in its ticket",
        _SETTING,
        sooner,
        5,
    ),
    Claim(
        "tickets-not-by-norm",
        PAPER,
        383,
        "They do so too against the whole begun with their norm",
        "twofold steps to be right elsewhere, the whole begun smaller in the ticket",
        _SETTING,
        not_by_norm,
        5,
    ),
    Claim(
        "tickets-not-when-fitted",
        PAPER,
        383,
        "They do so too against the largest weights of when it has fitted and not yet generalised",
        "twofold steps to be right elsewhere, the largest after 50 steps in those after 1,000",
        _SETTING,
        not_when_fitted,
        5,
    ),
)
