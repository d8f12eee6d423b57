"""``Finding``: what a question returns, numbers without words.

The words, tables and pages are made by :mod:`gengap.report`, one module for each kind of finding.
It lies above the questions, so it is loaded by name when something is to be said.
"""

from __future__ import annotations

import html
import importlib
from pathlib import Path
from typing import Any, ClassVar

from gengap.base.files import json_values, write_files


def reports() -> Any:
    """The package that words and draws findings, loaded on first use."""
    return importlib.import_module("gengap.report")


# How a notebook frames a report: as wide as the cell, the rest scrolls.
FRAME = 'title="gengap report" style="width: 100%; height: 40rem; border: 1px solid #8884"'


class Finding:
    """Base of what questions return.

    Attributes:
        kind: the module of :mod:`gengap.report` that words it, e.g. ``"study"``.
    """

    kind: ClassVar[str]

    @property
    def answer(self) -> str:
        """The answer in words."""
        return str(reports().answer(self))

    @property
    def summary(self) -> dict[str, Any]:
        """Everything as JSON values, None for what is no finite number; what the file holds."""
        return {"answer": self.answer, **json_values(self)}

    def report(self, path: str | Path) -> Path:
        """Write the report: text where the name ends in ``.md``, else a page.

        Raises:
            UsageError: the file cannot be written.
        """
        path = Path(path)
        render = reports().render_markdown if path.suffix == ".md" else reports().render_html
        write_files({path: render(self)})
        return path

    def save(self, folder: str | Path) -> dict[str, Path]:
        """Write all files of the report into a folder, or none; returns their paths by name.

        Raises:
            UsageError: a file cannot be written.
        """
        texts = reports().files(self, folder)
        paths = {name: Path(folder) / name for name in texts}
        write_files({paths[name]: text for name, text in texts.items()})
        return paths

    def __repr__(self) -> str:
        return self.answer

    def _repr_html_(self) -> str:
        """What a notebook shows: the report, in a frame of its own, or the answer."""
        made = reports()
        if not hasattr(made.of(self), "build"):
            return f"<p>{html.escape(self.answer)}</p>"
        page = html.escape(made.render_html(self), quote=True)
        return f'<iframe srcdoc="{page}" sandbox="allow-scripts" {FRAME}></iframe>'
