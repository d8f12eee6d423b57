"""Docstrings as the site's reference reads them: one spelling of sections, code without roles."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:func|class|meth|mod|attr|data):`(~?)([\w.]+)`")
EXAMPLE = re.compile(r"^( *)Example::?$", re.MULTILINE)


def without_roles(text: str) -> str:
    """Name code as ``` `code` ```: the last part of it where the role has a tilde."""
    return ROLE.sub(lambda role: f"`{role[2].rpartition('.')[2] if role[1] else role[2]}`", text)


class Docstrings(griffe.Extension):
    """Griffe reads "Examples:" as a section of code, and Sphinx's roles as text."""

    def on_object(self, *, obj: griffe.Object, **options: Any) -> None:
        """Called once for everything that has been read."""
        if obj.docstring is not None:
            text = EXAMPLE.sub(r"\1Examples:", obj.docstring.value)
            obj.docstring.value = without_roles(text)
