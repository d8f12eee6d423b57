"""Every registered adapter passes the suite that ships with the package."""

from __future__ import annotations

import pytest

from gengap.adapters.registry import adapters
from gengap.testing import AdapterConformance


class TestEveryAdapter(AdapterConformance):
    @pytest.fixture(autouse=True, params=list(adapters()))
    def choose(self, request: pytest.FixtureRequest) -> None:
        self.adapter = adapters()[request.param].adapter
