"""What models have in common that are written for the stacked parameters of many runs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from gengap.sequences.architectures import titled


@dataclass(frozen=True)
class Stacked:
    """Options of a model, which is named by them, and of which any number of runs share a program.

    Attributes:
        called: the name in the registry.
    """

    called: ClassVar[str]

    @property
    def name(self) -> str:
        """With the options that are not at their defaults."""
        options = {own.name: getattr(self, own.name) for own in fields(self) if own.init}
        return titled(self.called, type(self), **options)

    @property
    def vectorises(self) -> bool:
        """Always."""
        return True

    def train(self, mode: bool) -> None:
        """Nothing to switch."""
