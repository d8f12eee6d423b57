"""What selection rules need of a study beyond its validation scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gengap.base.errors import UsageError
from gengap.methods.registry import NUMERIC_INPUTS, RARE
from gengap.study.rules import rule_named

if TYPE_CHECKING:
    from gengap.study.study import Study


def check_rule(study: Study) -> None:
    """Refuse a selection rule that the study gives nothing to go by.

    Raises:
        UsageError: it does.
    """
    criterion = rule_named(study.selection).criterion
    if criterion == "left_out" and not study.inner:
        raise UsageError(f"The selection rule {study.selection} needs more runs; add --inner.")
    if criterion == "left_out" and any(len(cell.train) < 2 for cell in study.plan.unseen):
        raise UsageError(
            f"The selection rule {study.selection} needs two training environments in every "
            "split; use --selection validation."
        )
    offers = getattr(study.problem, "offers", ())
    if criterion == "crafted" and (NUMERIC_INPUTS in study.problem.lacks or {*offers} & {*RARE}):
        raise UsageError(
            f"The selection rule {study.selection} changes numeric inputs, which these data do not "
            "have; use --selection validation."
        )
    if criterion == "crafted" and (study.adapters or study.merges):
        raise UsageError(
            f"The selection rule {study.selection} is for trained models as they are; leave "
            "adapters and merges out, or use --selection validation."
        )
