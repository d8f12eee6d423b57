"""Every registered detector passes the suite that ships with the package."""

from __future__ import annotations

import pytest

from gengap.detectors.registry import detectors
from gengap.testing import DetectorConformance

# What lies between the classes is in no feature's tails: ECOD sees only what is far.
LEAST = {"ecod": 0.65}


class TestEveryDetector(DetectorConformance):
    @pytest.fixture(autouse=True, params=list(detectors()))
    def choose(self, request: pytest.FixtureRequest) -> None:
        self.detector = detectors()[request.param].detector
        self.least_auroc = LEAST.get(request.param, DetectorConformance.least_auroc)
