"""The settings of a study as short lines of text."""

from __future__ import annotations

from gengap.base.errors import listing
from gengap.report.numerals import MISSING, Numerals, count, duration
from gengap.report.summary import Summary
from gengap.report.text import clean, isolate, shorten
from gengap.report.wording import percent


def facts(summary: Summary) -> str:
    """Say in one line what was measured: task, metric, environments, examples, methods."""
    study = summary.study
    parts = [
        study["task"],
        study["metric"],
        _counted(len(study["environments"]), "environment"),
        _counted(study["examples"], "example"),
        _counted(len(summary.methods), "method"),
        _counted(len(study["seeds"]), "seed"),
        clean(study["created"])[:10],
    ]
    return " · ".join(isolate(shorten(part)) for part in parts if part)


def provenance(summary: Summary, number: Numerals) -> list[tuple[str, str, bool]]:
    """Return (term, value, whether it is code) for all that is needed to repeat the study."""
    study = summary.study
    chance = study["chance"]
    versions = ", ".join(f"{name} {version}" for name, version in study["versions"].items())
    lines = [
        ("command", study["command"], True),
        ("data fingerprint", study["fingerprint"], True),
        ("model", study["model"], False),
        ("splits", study["splits"], False),
        ("selection rule", study["selection_rule"], False),
        ("trials per method", count(study["trials"]), False),
        ("steps", count(study["steps"]), False),
        ("batch", count(study["batch"]), False),
        ("seeds", listing(study["seeds"]), False),
        ("runs", count(study["runs"]), False),
        ("time", duration(study["seconds"]), False),
        ("constant prediction", MISSING if chance is None else percent(number, chance), False),
        ("versions", clean(versions), False),
        ("created", study["created"], False),
    ]
    return [line for line in lines if line[1] not in ("", MISSING)]


def looks(summary: Summary) -> str:
    """Say how often each rule looked at an unseen environment; empty when that was not counted."""
    counted = {clean(rule): times for rule, times in summary.study["looks"].items() if times}
    if not counted:
        return ""
    each = [f"{count(times)} by {isolate(shorten(rule))}" for rule, times in counted.items()]
    return f"Looks at unseen environments: {'; '.join(each)}."


def rule_notes(summary: Summary) -> list[tuple[str, str]]:
    """Return (rule, or rule and method; note), each note once."""
    notes: dict[tuple[str, str], list[str]] = {}
    for row in summary.rules:
        if row["note"]:
            notes.setdefault((row["rule"], row["note"]), []).append(shorten(row["method"]))
    everyone = len({row["method"] for row in summary.rules})
    return [
        (rule if len(methods) == everyone else f"{rule} ({listing(methods)})", note)
        for (rule, note), methods in notes.items()
    ]


def _counted(number: float | None, noun: str) -> str:
    if not number:
        return ""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"
