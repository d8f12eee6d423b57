"""The one way to print on the terminal.

Names of columns, files and classes come from outside. In what is printed here they are no markup
of rich's, no emoji, and nothing that the terminal would obey: escapes, bells, changes of direction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console, RenderHook
from rich.segment import Segment
from rich.text import Text

# Control characters but the line feed, and what turns text around; names in a right-to-left script
# are isolated by the reports themselves (U+2068 and U+2069), which turns nothing around.
_OBEYED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u061c\u2028\u2029\u202a-\u202e\u2066\u2067\ud800-\udfff]"
)


def terminal(stderr: bool = False, quiet: bool = False, **options: Any) -> Console:
    """A console for text of any origin: of rich's markup it knows only styles of whole pieces."""
    made = Console(
        stderr=stderr, quiet=quiet, markup=False, emoji=False, highlight=False, **options
    )
    made.push_render_hook(_Harmless())
    return made


def say(console: Console, text: str, label: str = "", style: str = "") -> None:
    """Print a sentence, unwrapped, behind a label in a style."""
    line = Text.assemble((label, style), " ", text) if label else Text(text)
    console.print(line, soft_wrap=True)


class _Harmless(RenderHook):
    """Takes what the terminal would obey out of everything that is printed."""

    def process_renderables(self, renderables: list[Any]) -> list[Any]:
        return [_Printed(renderable) for renderable in renderables]


class _Printed:
    def __init__(self, renderable: Any) -> None:
        self.renderable = renderable

    def __rich_console__(self, console: Console, options: Any) -> Iterator[Segment]:
        segments: Iterable[Segment] = console.render(self.renderable, options)
        for segment in segments:
            if segment.control:
                yield segment
            else:
                yield segment._replace(text=_OBEYED.sub("", segment.text))
