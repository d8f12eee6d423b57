"""A document as one HTML file: no network, no fonts, no scripts but its own."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from gengap.report.document import Document
from gengap.report.figures.drawing import SHAPES
from gengap.report.figures.rows import sample


def render_document(document: Document) -> str:
    """Return the document as a complete page."""
    environment = Environment(
        loader=PackageLoader("gengap", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    style, script = f"{_asset('style.css')}\n{_asset('drawing.css')}", _asset("script.js")
    page = environment.get_template("page.html.j2").render(
        document=document,
        sample=sample,
        shapes=SHAPES,
        style=Markup(style),
        style_hash=_digest(style),
        script=Markup(script),
        script_hash=_digest(script),
    )
    return "\n".join(line for line in page.splitlines() if line.strip()) + "\n"


def breakable(text: str) -> Markup:
    """Escape a name and let it break after a colon, slash or underscore before anywhere else."""
    return Markup(re.sub("([:/_])(?=.)", r"\1<wbr>", str(escape(text))))


def _asset(name: str) -> str:
    """Read a file beside this module, without the blank lines that the page leaves out."""
    text = files("gengap.report").joinpath(name).read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if line.strip())


def _digest(text: str) -> str:
    """Return the hash by which the page's security policy admits this one style or script."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
