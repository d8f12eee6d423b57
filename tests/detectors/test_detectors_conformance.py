"""Every registered detector passes the suite that ships with the package."""

from __future__ import annotations

import pytest

from gengap.detectors.registry import detectors
from gengap.testing import DetectorConformance


class TestEveryDetector(DetectorConformance):
    @pytest.fixture(autouse=True, params=list(detectors()))
    def choose(self, request: pytest.FixtureRequest) -> None:
        self.detector = detectors()[request.param].detector
