"""Summaries for the report's tests: the stored sample, and small ones with numbers set by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ODD_NAMES = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a|b`c*d_e[f](g) ~h~ $i$",
    "two\nlines\r\nand\ttabs",
    "مستشفى الملك",
    "\u202egnp.exe",
    "lone \ud800 surrogate",
    "' onmouseover='x\" y",
    "&amp; &lt;",
    "{{ 7 * 7 }} {% raw %}",
    "# heading",
    "1. item",
    "- bullet",
    "---",
    "[red]markup[/red]",
    "long_" * 40,
    "",
]


def stored_sample() -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "sample.json").read_text(encoding="utf-8"))


def method_row(method: str = "erm", **values: Any) -> dict[str, Any]:
    return {
        "method": method,
        "score_in_distribution": 0.953,
        "score_unseen": 0.912,
        "worst_unseen": 0.801,
        "worst_environment": "writer 2",
        "gap": 0.041,
        "difficulty": 0.02,
        "cost_of_unseen": 0.021,
        "cost_low": 0.012,
        "cost_high": 0.03,
        "expected_low": 0.006,
        "expected_high": 0.036,
        "new_environment_low": -0.015,
        "new_environment_high": 0.056,
        "difference_from_baseline": None,
        "difference_low": None,
        "difference_high": None,
        "verdict": None,
        "selection_rule": "validation",
        "seconds": 12.0,
        **values,
    }


def environment_row(environment: str, method: str = "erm", **values: Any) -> dict[str, Any]:
    return {
        "method": method,
        "environment": environment,
        "in_distribution": 0.95,
        "unseen": 0.9,
        "reference": 0.92,
        "gap": 0.05,
        "difficulty": 0.03,
        "cost_of_unseen": 0.02,
        "cost_low": 0.01,
        "cost_high": 0.03,
        "runs": 4,
        "examples": 1234,
        **values,
    }


def rule_row(rule: str, score: float | None, method: str = "erm", **values: Any) -> dict[str, Any]:
    return {
        "rule": rule,
        "method": method,
        "peeks": rule == "oracle",
        "score_unseen": score,
        "score_low": None,
        "score_high": None,
        "looks": 0,
        "available": score is not None,
        "note": "",
        **values,
    }


def small_summary(
    methods: list[dict[str, Any]] | None = None,
    environments: list[dict[str, Any]] | None = None,
    rules: list[dict[str, Any]] | None = None,
    **study: Any,
) -> dict[str, Any]:
    """A study of accuracy on three writers, one method unless told otherwise."""
    writers = ["writer 1", "writer 2", "writer 3"]
    return {
        "study": {
            "name": "writers",
            "task": "classification",
            "metric": "accuracy",
            "higher_is_better": True,
            "metric_is_fraction": True,
            "environments": writers,
            "examples": 3702,
            "seeds": [0, 1],
            "selection_rule": "validation",
            "baseline": "erm",
            **study,
        },
        "methods": [method_row()] if methods is None else methods,
        "environments": (
            [environment_row(writer) for writer in writers]
            if environments is None
            else environments
        ),
        "rules": rules or [],
    }


def large_summary(methods: int, environments: int, length: int = 12) -> dict[str, Any]:
    """Many methods and environments with names of ``length`` characters that HTML must escape."""
    names = [f"e{k:04d}".ljust(length, "&") for k in range(environments)]
    rivals = [f"m{k:03d}".ljust(length, "<") for k in range(methods - 1)]
    return small_summary(
        methods=[method_row(name) for name in ["erm", *rivals]],
        environments=[
            environment_row(name, method) for method in ["erm", *rivals] for name in names
        ],
    )
