"""Which causes a diagnosis names: those whose share of the cost is shown not to be zero."""

from __future__ import annotations

from dataclasses import dataclass

from gengap.questions.diagnosis.material import Material


@dataclass(frozen=True)
class Causes:
    """What was named.

    Attributes:
        named: causes, as :mod:`gengap.questions.prescription.remedies` has them.
        suspects: columns whose relation with the target differs between environments, the worst
            first.
    """

    named: tuple[str, ...]
    suspects: tuple[str, ...] = ()


def causes_of(material: Material, seed: int) -> Causes:
    """Diagnose one method on the environments of a study."""
    raise NotImplementedError
