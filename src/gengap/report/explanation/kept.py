"""The explanation that lies beside a report, so that the report made anew has it as well.

``gengap explain`` leaves ``explanation.json``. Whoever writes the study's report into that folder
again, from its records or by running it, gets the same sections from that file: an explanation of
other runs has another key and is left alone.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any, get_type_hints

from gengap.base.reading_json import from_json
from gengap.questions.diagnosis.explanation import PARTS, Explanation
from gengap.questions.diagnosis.refitted import refitted
from gengap.report.explanation import NUMBERS
from gengap.study.result import Result


def kept(folder: str | Path, result: Result) -> Explanation | None:
    """The explanation of a study's runs in a folder; None where there is none that can be read."""
    try:
        values = json.loads((Path(folder) / NUMBERS).read_text(encoding="utf-8"))
        if values["key"] != result.execution.study or values["method"] not in result.scores:
            return None
        parts = {name: from_json(_kind(name), values[name]) for name in _told(values)}
        absent = {name: str(values["absent"][name]) for name in PARTS if name in values["absent"]}
        return Explanation(result, values["method"], parts, absent)
    except (OSError, ValueError, KeyError, TypeError):  # none, or not gengap's
        return None


def _told(values: dict[str, Any]) -> list[str]:
    return [name for name in (*PARTS, "refitted") if name in values]


def _kind(name: str) -> Any:
    """What a part finds, by its function's annotation."""
    if name == "refitted":
        return get_type_hints(refitted)["return"]
    module = importlib.import_module(f"gengap.questions.diagnosis.{name}")
    return get_type_hints(getattr(module, name))["return"]
