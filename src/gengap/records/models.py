"""Trained models in a store, by the key of their run; nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select

from gengap.records.run import KeptModel
from gengap.records.store import Store, in_chunks
from gengap.records.tables import model_table, run_table


@dataclass(frozen=True)
class ModelRow:
    """A kept model without its bytes: its run's key and method, its step, size and age."""

    key: str
    method: str
    step: int
    bytes: int
    created: datetime


def model_rows(store: Store) -> list[ModelRow]:
    """All kept models, oldest first."""
    columns = model_table.c
    query = (
        select(run_table.c.key, run_table.c.method, columns.step, columns.bytes, columns.created)
        .join(run_table, run_table.c.id == columns.run)
        .order_by(columns.created, columns.run, columns.step)
    )
    with store.transaction() as connection:
        return [
            ModelRow(r.key, r.method, r.step, r.bytes, r.created.replace(tzinfo=UTC))
            for r in connection.execute(query)
        ]


def kept_models(store: Store, keys: Iterable[str]) -> set[tuple[str, int]]:
    """Which runs' models are kept, as (run key, step)."""
    query = select(run_table.c.key, model_table.c.step).join(
        run_table, run_table.c.id == model_table.c.run
    )
    with store.transaction() as connection:
        return {
            (row.key, row.step)
            for chunk in in_chunks(keys)
            for row in connection.execute(query.where(run_table.c.key.in_(chunk)))
        }


def kept_model(store: Store, key: str, step: int) -> KeptModel | None:
    """A kept model with its bytes, or None."""
    query = (
        select(model_table)
        .join(run_table, run_table.c.id == model_table.c.run)
        .where(run_table.c.key == key, model_table.c.step == int(step))
    )
    with store.transaction() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else KeptModel(row.step, row.format, row.content)


def forget_models(store: Store, places: Collection[tuple[str, int]]) -> None:
    """Remove the models of some runs at some steps; their outcomes stay."""
    by_key: dict[str, set[int]] = {}
    for key, step in places:
        by_key.setdefault(key, set()).add(step)
    with store.transaction(write=True) as connection:
        for chunk in in_chunks(by_key):
            query = select(run_table.c.id, run_table.c.key).where(run_table.c.key.in_(chunk))
            for number, key in connection.execute(query).all():
                connection.execute(
                    delete(model_table).where(
                        model_table.c.run == number, model_table.c.step.in_(by_key[key])
                    )
                )


def compact(store: Store) -> None:
    """Give the space of removed models back to the disk; PostgreSQL does so by itself.

    Nothing happens while another process uses the file: the space is then used again later.
    """
    if store.engine.dialect.name != "sqlite":
        return
    raw = store.engine.raw_connection()
    try:
        with suppress(store.engine.dialect.loaded_dbapi.OperationalError):
            raw.cursor().execute("VACUUM")
    finally:
        raw.close()
