"""Graded detectors in sentences."""

from __future__ import annotations

import math

import numpy as np

from gengap.questions.detection.evaluation import Evaluation
from gengap.questions.detection.grading import Detected
from gengap.questions.detection.two_sets import TwoSets
from gengap.report.numerals import Numerals, level_text, share
from gengap.statistics.intervals import Interval
from gengap.statistics.separation.rejecting import Rejection
from gengap.statistics.separation.unit_tests import FALSE_ALARMS

BASELINE = "msp"
FEW = 10
CHANCE = 0.5
AREA = Numerals(False, 3)


def evaluation_sentences(found: Evaluation) -> list[str]:
    """The answer, sentence by sentence; the first says which detector separates best."""
    said = [_separating(found), _alarms(found), _rejecting(found), _errors(found)]
    if len(found.environments) < FEW:
        said.append(f"With fewer than {FEW} environments, all of this is rough.")
    return [sentence for sentence in said if sentence]


def two_sets_sentences(found: TwoSets) -> list[str]:
    """Which detector tells the sets apart best, and whether the other set is clean."""
    best = next(iter(found.detectors.values()))
    said = [
        f"{best.name} tells the other examples from normal ones best, AUROC {area(best.auroc)}"
        f"{chance(best.auroc)}."
    ]
    if len(found.detectors) > 1:
        said.append(f"Being the best of {len(found.detectors)} in hindsight flatters it.")
    if math.isnan(best.flagged):
        said.append("Too few examples are held out to set a threshold.")
    else:
        said.append(
            f"Where {share(FALSE_ALARMS)} of normal ones are to be flagged, it flags "
            f"{share(best.flagged)} of the others."
        )
    return [*said, *_hidden(found)]


def at_share(detected: Detected, rejected: float = 0.1) -> Rejection:
    """What rejecting one share buys."""
    return min(detected.rejecting, key=lambda row: abs(row.rejected - rejected))


def gains(task: str) -> Numerals:
    """How differences of scores are printed: points of accuracy, or in the target's unit."""
    percent = task == "classification"
    return Numerals(percent, 1 if percent else None)


def area(interval: Interval) -> str:
    """An AUROC with its limits, for a sentence."""
    return f"{AREA(interval.estimate)} ({AREA.limits(interval)})"


def tellable(removed: Interval) -> bool:
    """Whether a share of the cost is known well enough to be printed.

    More than all of it cannot go, so limits beyond that, or as far below nothing, tell nothing.
    """
    return removed.defined and removed.low >= -1 and removed.high <= 1


def chance(interval: Interval) -> str:
    """What to add to an AUROC that may be a coin's."""
    return ", and chance (0.5) is not excluded" if interval.low <= CHANCE else ""


def _separating(found: Evaluation) -> str:
    best = next(iter(found.detectors.values()))
    sentence = (
        f"An unseen {found.environment_word} is told from known ones best by {best.name}, AUROC "
        f"{area(best.unseen)}{chance(best.unseen)}"
    )
    baseline = found.detectors.get(BASELINE)
    if baseline is not None and baseline is not best:
        sentence += f"; the largest probability ({BASELINE}) gets {AREA(baseline.unseen.estimate)}"
    if len(found.detectors) > 1:
        sentence += (
            "; the detector chosen on the others, as for a new one, gets "
            f"{AREA(found.chosen_auroc.estimate)}"
        )
    return sentence + "."


def _alarms(found: Evaluation) -> str:
    best = next(iter(found.detectors.values()))
    if np.isnan(best.false_alarms).all():
        return "Too few examples are held out to set a threshold."
    low, high = (share(float(end(best.false_alarms))) for end in (np.nanmin, np.nanmax))
    return (
        f"Where {share(FALSE_ALARMS)} of what it knows is to be flagged, it flags {low} to {high} "
        f"of single known environments and {share(float(np.nanmean(best.flagged)))} of an unseen "
        "one."
    )


def _rejecting(found: Evaluation) -> str:
    name = max(found.detectors, key=lambda n: at_share(found.detectors[n]).gain.estimate)
    row, number = at_share(found.detectors[name]), gains(found.task)
    before, after = row.score_before.estimate, row.score_after.estimate
    said = (
        f"accuracy there from {number.score(before)} to {number.score(after)}"
        if number.percent
        else f"the mean absolute error there from {number(-before)} to {number(-after)}"
    )
    sentence = (
        f"Rejecting the {share(row.rejected)} that {name} finds strangest takes {said} "
        f"({number(row.gain.low, plus=True)} to {number.points(row.gain.high, plus=True)}"
    )
    if len(found.detectors) > 1:
        sentence += (
            f"; {number(found.chosen_gain.estimate, plus=True)} where the detector is chosen on "
            "the other environments"
        )
    sentence += ")"
    if tellable(row.removed):
        sentence += (
            f" and removes {share(row.removed.estimate)} of the cost of unseen "
            f"({share(row.removed.low)} to {share(row.removed.high)})"
        )
    elif not math.isnan(row.cost_before.estimate):
        cost = number.points(row.cost_before.estimate)
        sentence += f"; the cost of unseen, {cost}, is too uncertain to say what share goes"
    return sentence + ". Rejecting at random changes neither."


def _errors(found: Evaluation) -> str:
    graded = {n: d.errors for n, d in found.detectors.items() if d.errors is not None}
    if not graded:
        return ""
    name = max(graded, key=lambda n: np.nan_to_num(graded[n].estimate))
    best = next(iter(found.detectors))
    sentence = f"Wrong answers there are told from right ones best by {name}, AUROC "
    sentence += area(graded[name]) + chance(graded[name])
    if name != best:
        sentence += f", while {best} gets {AREA(graded[best].estimate)}"
    return sentence + "."


def _hidden(found: TwoSets) -> list[str]:
    """What distances say of normal examples among the others; nothing where all could be."""
    if round(found.hidden.high, 2) == 1:
        return []
    sentence = (
        f"An estimated {share(found.hidden.estimate)} of the others look normal by their distances "
        f"({level_text(found.level)} limit {share(found.hidden.high)})"
    )
    if found.suspects:
        rows = ", ".join(map(str, found.suspects[:5]))
        sentence += f"; look first at rows {rows}, counted from 0"
    return [f"{sentence}."]
