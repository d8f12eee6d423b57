"""Reports: the words, tables and figures of what questions find, for a page, a text, a terminal.

Findings are numbers (:mod:`gengap.base.finding`). Each kind has a module here that answers in words
and builds a :class:`~gengap.report.document.Document`; the renderers are the same for all.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gengap.base.files import json_text

EXPLANATION = "explanation.json"


def of(found: Any) -> Any:
    """The module for a finding, or for a study's or comparison's summary as JSON holds it."""
    if isinstance(found, Mapping):
        kind = "comparison" if "comparison" in found else "study"
    else:
        kind = found.kind
    return importlib.import_module(f"gengap.report.{kind}")


def answer(found: Any) -> str:
    """Return the answer in words.

    Raises:
        UsageError: ``found`` is no finding, nor what ``gap.json`` or ``compare.json`` holds.
    """
    return str(of(found).answer(found))


def render_html(found: Any, command: str = "") -> str:
    """Return the report as a complete HTML page; ``command`` is what the user typed.

    Raises:
        UsageError: as of :func:`answer`.
    """
    from gengap.report.html import render_document
    from gengap.report.numerals import typeset

    with typeset():
        return render_document(of(found).build(found, page=True, command=command))


def render_markdown(found: Any, command: str = "") -> str:
    """Return the report as Markdown with pipe tables.

    Raises:
        UsageError: as of :func:`answer`.
    """
    from gengap.report.markdown import render_document

    return render_document(of(found).build(found, page=False, command=command))


def files(found: Any, folder: str | Path | None = None) -> dict[str, str]:
    """Return the texts of all files of a report by name: the page, the text, the numbers, drawings.

    Args:
        found: the finding.
        folder: where they are to lie; what explains the same runs there stays in the page.

    Raises:
        UsageError: as of :func:`answer`.
    """
    from gengap.report.numerals import typeset

    module = of(found)
    summary = found if isinstance(found, Mapping) else found.summary
    texts = {module.NUMBERS: json_text(summary)}
    if hasattr(module, "build"):
        shown = found if folder is None else _explained(found, folder)
        texts |= {"report.html": render_html(shown), "report.md": render_markdown(shown)}
    if hasattr(module, "drawings"):
        with typeset():
            texts |= {f"{name}.svg": text for name, text in module.drawings(found).items()}
    return texts


def _explained(found: Any, folder: str | Path) -> Any:
    """A study's result with the explanation that lies in a folder; any other finding as it is."""
    if getattr(found, "kind", "") != "study" or not (Path(folder) / EXPLANATION).exists():
        return found
    from gengap.report.explanation.kept import kept

    return kept(folder, found) or found


def show(found: Any, quiet: bool = False) -> None:
    """Print a finding in the terminal; ``quiet`` prints the answer alone."""
    from gengap.report.console import show as print_blocks

    print_blocks(of(found).terminal(found, quiet))
