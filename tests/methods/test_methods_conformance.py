"""Every registered method passes the suite that ships with the package."""

from __future__ import annotations

import pytest

from gengap.methods.registry import methods
from gengap.testing import MethodConformance


class TestEveryMethod(MethodConformance):
    @pytest.fixture(autouse=True, params=list(methods()))
    def choose(self, request: pytest.FixtureRequest) -> None:
        self.method = methods()[request.param].method
