"""The fixed words of all reports, from ``words.toml``: paragraphs, and what terms mean."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import Any

from gengap.report.document import Pairs
from gengap.report.numerals import given, level_text


def says(kind: str, name: str, /, **values: Any) -> str:
    """A paragraph of a kind of report, with values filled in."""
    return str(_words()[kind][name]).format(**values)


def study_terms(higher_is_better: bool) -> Pairs:
    """Terms of a study with their formulas; positive always means worse off."""

    def minus(first: str, second: str) -> str:
        return f"{first} − {second}" if higher_is_better else f"{second} − {first}"

    formulas = {
        "gap": minus("in distribution", "unseen"),
        "difficulty": minus("in distribution", "reference"),
        "cost": minus("reference", "unseen"),
    }
    return _terms("study", formulas)


def comparison_terms(summary: dict[str, Any]) -> Pairs:
    """Terms of a comparison, only those that its page uses."""
    about, pairs = summary["comparison"], summary["pairs"]
    bayes = any("probability_first_better" in row for row in pairs)
    rules = [row["rule"] for row in summary.get("rankings") or []]
    meanings = _words()["comparison"]["rules"]
    used = {
        "optimality gap": about["target"] is not None,
        "Bayes": bayes,
        "sign flips, signed ranks": bayes,
        "equivalence": bayes and any("equivalence_adjusted_p" in row for row in pairs),
        "average rank": summary.get("ranks"),
        "critical difference": summary.get("ranks"),
        "rules": rules,
    }
    values = {
        "level": level_text(about["level"]),
        "chance": level_text(1 - about["level"]),
        "within": given(about["margin"]) or "0",
        "target": given(about["target"]),
        "rules": "; ".join(f"{rule}: {meanings[rule]}" for rule in rules if rule in meanings),
    }
    return _terms("comparison", values, {term for term, used in used.items() if not used})


def _terms(kind: str, values: dict[str, str], without: Collection[str] = ()) -> Pairs:
    meanings = _words()[kind]["terms"].items()
    told = [(term, text.format(**values), False) for term, text in meanings if term not in without]
    return Pairs(told, "terms")


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(files("gengap.report").joinpath("words.toml").read_text("utf-8"))
