"""``gengap migrate``: bring records of an older gengap up to date."""

from __future__ import annotations

from gengap.base.printable import masked
from gengap.base.terminal import say, terminal
from gengap.cli.base import app
from gengap.cli.options import Records


@app.command(epilog="Exit codes: 0 done, 2 unusable input.")
def migrate(records: Records) -> None:
    """Bring records that an older gengap wrote up to date, adding and never removing.

    gengap run does so by itself. Finished runs are kept; what older records did not hold is added
    when the command that made them is given again, without training.
    """
    from gengap.cli.base import records_address
    from gengap.records.store import Store
    from gengap.records.tables import SCHEMA

    address = records_address(records)
    Store(address, create=False, migrate=True).close()
    say(terminal(), f"{masked(records, one=True)} has schema {SCHEMA}.")
