"""Where something comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """A publication; ``link`` is an arXiv or DOI address."""

    title: str
    authors: str
    year: int
    link: str

    def __str__(self) -> str:
        return f"{self.authors} {self.year}, {self.title}"

    @property
    def short(self) -> str:
        """``"Sun, Saenko 2016"``, or ``"Ganin et al. 2016"`` for more than two authors."""
        names = self.authors.split(", ")
        return f"{names[0]} et al. {self.year}" if len(names) > 2 else f"{self.authors} {self.year}"
