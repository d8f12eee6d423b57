"""Progress where there is no terminal to draw a bar on: a line now and then."""

from __future__ import annotations

import io
import time

import pytest

from gengap.base.progress import Progress
from gengap.base.terminal import terminal
from gengap.cli import base


def test_piped_progress_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    written = io.StringIO()
    with base.bar(terminal(file=written, width=200)) as tell:
        # 40 were done before; 10 in 30 seconds leave 50 for 150 seconds, and 30 in 70 leave 30
        # for 70 seconds.
        for clock[0], done in ((1, 40), (30, 50), (31, 51), (70, 70)):
            tell(Progress(done, 100, "erm\x1b[2J"))
    assert written.getvalue().splitlines() == [
        "progress 50 of 100 runs, about 2 min left (erm [2J)",
        "progress 70 of 100 runs, about 1 min left (erm [2J)",
    ]
