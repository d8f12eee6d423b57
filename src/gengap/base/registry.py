"""What a package offers by name: each of its modules enters a record when it is imported.

The command line, the tables of the docs, the checks of what fits a problem and the tests all read
the records.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from gengap.base.errors import UsageError, suggest

Facts = ParamSpec("Facts")
Record = TypeVar("Record")
Entry = TypeVar("Entry")


class Registry(Generic[Facts, Record]):
    """Records by name.

    Args:
        record: makes a record from what is entered, its name and the facts stated of it.
        kind: what the entries are called, in the singular.
        package: where they are, or several; all modules are imported before anything is looked up.
        first: the name that is listed first; the others follow in order.
        also: what is known beside the records, for the sentence on an unknown name.
    """

    def __init__(
        self,
        record: Callable[Concatenate[Any, str, Facts], Record],
        kind: str,
        package: str | Sequence[str],
        first: str = "",
        also: str = "",
    ) -> None:
        self.record, self.kind = record, kind
        self.packages = (package,) if isinstance(package, str) else tuple(package)
        self.first, self.also = first, also
        self._records: dict[str, Record] = {}

    def register(
        self, name: str, *args: Facts.args, **facts: Facts.kwargs
    ) -> Callable[[Entry], Entry]:
        """Decorator that enters a class or function under a name that is not taken."""

        def enter(entry: Entry) -> Entry:
            if name in self._records:
                raise ValueError(f"two {self.kind}s are called {name!r}")
            self._records[name] = self.record(entry, name, *args, **facts)
            return entry

        return enter

    def all(self) -> dict[str, Record]:
        """All records by name."""
        for package in self.packages:
            home = importlib.import_module(package)
            for module in pkgutil.iter_modules(home.__path__):
                importlib.import_module(f"{package}.{module.name}")
        return dict(
            sorted(self._records.items(), key=lambda item: (item[0] != self.first, item[0]))
        )

    def get(self, name: str) -> Record:
        """Look a record up; an unknown name raises :class:`UsageError` with the nearest known."""
        known = self.all()
        if name not in known:
            also = f", and {self.also}" if self.also else ""
            raise UsageError(
                f"There is no {self.kind} {name!r}{suggest(name, known)} "
                f"(there are: {', '.join(known)}{also})."
            )
        return known[name]
