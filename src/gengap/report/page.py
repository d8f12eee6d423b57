"""A template filled in as one self-contained page, whose policy admits its own style and script."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape


def render_page(
    template: str, content: Mapping[str, Any], styles: Sequence[str] = ("style.css",)
) -> str:
    """Fill in a template of this package; it also gets ``style``, ``script`` and their hashes."""
    environment = Environment(
        loader=PackageLoader("gengap", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    style, script = "\n".join(_asset(name) for name in styles), _asset("script.js")
    page = environment.get_template(template).render(
        **content,
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
