"""Brings a store of an older schema up to date, in one transaction, adding and never removing.

======  ====================================================================================
schema  what it added
======  ====================================================================================
1       problems, example sets, runs, outcomes, looks
2       units with their factors, studies with their splits, executions, trained models, curves,
        and what a problem calls its environments
3       where a study's data and options came from
4       scores of classes, where a metric needs them
5       several targets, with their variances
======  ====================================================================================

Records of schema 1 do not say which rows a split left out, so their runs can be read by a study
only: the command that made them, given again, finds them finished and adds what is missing.
"""

from __future__ import annotations

from sqlalchemy import Connection, text, update

from gengap.records.tables import SCHEMA, metadata, schema_table

# By schema, what to run on a store that has it; tables that are missing are created afterwards.
STATEMENTS: dict[int, tuple[str, ...]] = {
    1: ("ALTER TABLE gengap_problems ADD COLUMN kind TEXT NOT NULL DEFAULT 'environment'",),
    2: (),
    3: (),
    4: ("ALTER TABLE gengap_problems ADD COLUMN targets JSON NOT NULL DEFAULT '{}'",),
}


def migrate(connection: Connection, found: int) -> None:
    """Bring a store from the schema that was found to the present one."""
    for schema in range(found, SCHEMA):
        for statement in STATEMENTS[schema]:
            connection.execute(text(statement))
    metadata.create_all(connection)
    connection.execute(update(schema_table).values(version=SCHEMA))
