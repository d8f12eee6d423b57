"""Tables in databases: a URL that names one, and what to select from it.

``duckdb:///file.db?query=SELECT ...``, ``sqlite:///file.db?table=patients``,
``postgresql://host/db?query=SELECT ...``. Databases are opened to be read only, and nothing but
one SELECT is carried out. Without a query the only table is read.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_plus

import pandas as pd

from gengap.base.errors import UsageError, listing, unknown
from gengap.base.paths import existing
from gengap.base.printable import masked
from gengap.environments.formats.settled import settled

SQLITE, DUCKDB = b"SQLite format 3\0", b"DUCK"  # at byte 0, and at byte 8
IN_FILES = ("sqlite", "duckdb")
_FETCHING = ("autoinstall_known_extensions", "autoload_known_extensions")
_SELECTS = re.compile(r"\s*(?:--[^\n]*\n\s*)*\(*\s*(select|with|values|table|from)\b", re.I)
_ORDERED = re.compile(r"\border\s+by\b", re.I)


def is_url(source: object) -> bool:
    """Whether a source is the address of a database rather than a path."""
    return isinstance(source, str) and "://" in source


def asks(source: str) -> bool:
    """Whether an address says which rows are wanted, as those of gengap's records do not."""
    return is_url(source) and (source.startswith("duckdb:") or _parts(source)[1] != (None, None))


def database_kind(start: bytes) -> str | None:
    """Which database a file is, by its first bytes."""
    if start.startswith(SQLITE):
        return "sqlite"
    return "duckdb" if start[8:12] == DUCKDB else None


def below(url: str, folder: Path) -> str:
    """The same address, its file taken relative to a folder."""
    kind, _, rest = url.partition(":///")
    if kind not in IN_FILES or not rest or rest.startswith(("/", ":", "?", "~")):
        return url
    return f"{kind}:///{folder.absolute() / rest}"


def without_password(url: str) -> str:
    """The same address, a password in it as ``***``; what is asked stays."""
    address, mark, asked = url.partition("?")
    return masked(address, one=True) + (mark + masked(asked) if mark else "")


def name_of(url: str) -> str:
    """What to call the data of an address: the table, or the database."""
    address, (_, table) = _parts(url)
    return table or Path(address.rpartition("/")[2]).stem or address.partition(":")[0]


def read_query(url: str, query: str | None = None) -> pd.DataFrame:
    """Read what a query selects; rows without ORDER BY are put in the order of their values.

    Args:
        url: of the database, perhaps with ``?query=`` and the rest of the text, or ``?table=``.
        query: the query, where the address has none.

    Raises:
        UsageError: no such database, table or driver, more than one SELECT, or what the database
            says against it.
    """
    address, (own, table) = _parts(url)
    if query is not None and (own or table):
        raise UsageError(
            f"{masked(url, one=True)} says what to select already; leave --query out, or the part "
            "after '?'."
        )
    kind = address.partition(":")[0].partition("+")[0]
    if kind in ("http", "https", "ftp", "s3", "gs", "file"):
        raise UsageError(
            f"{masked(address, one=True)} is no database; download the file and give its path."
        )
    chosen = own or query
    if chosen is not None and not _SELECTS.match(chosen):
        raise UsageError(f"The query {chosen!r} is no SELECT, and gengap carries out no other.")
    read: Callable[[str, str | None, str | None], pd.DataFrame]
    read = {"sqlite": _sqlite, "duckdb": _duckdb}.get(kind, _sqlalchemy)
    frame = settled(read(address, chosen, table), masked(address, one=True))
    in_order = kind in IN_FILES if chosen is None else _ORDERED.search(chosen)
    if in_order:  # the rows of a table in a file stay as they were written
        return frame
    try:
        order = frame.sort_values(list(frame.columns), kind="stable", ignore_index=True)
    except TypeError:  # lists and other objects have no order
        return frame
    return order


def read_database(path: Path, kind: str, table: str | None = None) -> pd.DataFrame:
    """Read a table of a database that was given by its path."""
    read = _sqlite if kind == "sqlite" else _duckdb
    return settled(read(f"{kind}:///{path}", None, table), path)


def _parts(url: str) -> tuple[str, tuple[str | None, str | None]]:
    """The address of the database, and the query and the table that it is asked for.

    A query is the rest of the URL, whatever it holds; only one without spaces is percent-encoded.
    """
    address, mark, asked = url.partition("?")
    kept: list[str] = []
    while mark and asked:
        key, equals, value = asked.partition("=")
        if key == "query" and equals:
            text = value if re.search(r"\s", value.strip()) else unquote_plus(value)
            return _joined(address, kept), (text, None)
        value, _, asked = value.partition("&")
        if key == "table" and equals:
            return _joined(address, [*kept, *filter(None, [asked])]), (None, unquote_plus(value))
        kept.append(f"{key}{equals}{value}")
    return _joined(address, kept), (None, None)


def _joined(address: str, options: list[str]) -> str:
    return address + ("?" + "&".join(options) if options else "")


def _selection(
    where: str, query: str | None, table: str | None, tables: Callable[[], Sequence[str]]
) -> str:
    """The query itself, or all of the table that was named or that there is."""
    if query is not None:
        return query
    names = list(tables())
    if table is not None and table not in names:
        raise unknown(f"{where} has no table {table!r}", table, names)
    if table is None and len(names) != 1:
        what = f"the tables {listing(names)}" if names else "no tables"
        raise UsageError(
            f"{where} holds {what}; say which rows you want, with ?table=NAME or --query "
            '"SELECT ...".'
        )
    name = table or names[0]
    return 'SELECT * FROM "' + name.replace('"', '""') + '"'


def _file(address: str) -> Path:
    return existing(address.partition(":///")[2].partition("?")[0])


def _sqlite(address: str, query: str | None, table: str | None) -> pd.DataFrame:
    path = _file(address)
    try:
        uri = f"file:{quote(str(path.absolute()))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.execute("PRAGMA query_only = 1")
            connection.execute("PRAGMA trusted_schema = 0")  # views of a stranger call nothing
            text = _selection(str(path), query, table, lambda: _sqlite_tables(connection))
            return pd.read_sql_query(text, connection)
    except UsageError:
        raise
    except Exception as error:  # of sqlite3 or of pandas, around it
        raise UsageError(
            f"{path} cannot be asked ({_said(error)}); check the file and the query."
        ) from None


def _sqlite_tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE "
        "'sqlite^_%' ESCAPE '^' ORDER BY name"
    )
    return [str(name) for (name,) in rows]


def _duckdb(address: str, query: str | None, table: str | None) -> pd.DataFrame:
    try:
        import duckdb
    except ImportError:
        raise UsageError(
            'Reading from DuckDB needs duckdb; install it with pip install "gengap[duckdb]".'
        ) from None
    place = address.partition("://")[2].lstrip("/").partition("?")[0]
    in_memory = place in ("", ":memory:")
    path = ":memory:" if in_memory else str(_file(address))
    # A query may read other files of this machine, but fetches nothing.
    config: dict[str, Any] = dict.fromkeys(_FETCHING, "false")
    try:
        with duckdb.connect(path, read_only=not in_memory, config=config) as connection:
            text = _selection(
                "DuckDB in memory" if in_memory else path,
                query,
                table,
                lambda: [str(row[0]) for row in connection.execute("SHOW TABLES").fetchall()],
            )
            statements = connection.extract_statements(text)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise UsageError(
                    f"The query {text!r} is not one SELECT, and gengap carries out no other."
                )
            frame: pd.DataFrame = connection.execute(statements[0]).df()
            return frame
    except (UsageError, ImportError):
        raise
    except Exception as error:
        raise UsageError(
            f"{'DuckDB' if in_memory else path} cannot be asked ({_said(error)}); check the file "
            "and the query."
        ) from None


def _sqlalchemy(address: str, query: str | None, table: str | None) -> pd.DataFrame:
    """Any database that SQLAlchemy has a driver for, in a transaction that is never committed."""
    from sqlalchemy import create_engine, inspect, make_url, text
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    shown = masked(address, one=True)
    try:
        url = make_url(address)
        kind = url.drivername.partition("+")[0]
        own: dict[str, Any] = {}
        if kind in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")
            own = {"connect_args": {"connect_timeout": 10}}
        engine = create_engine(url, hide_parameters=True, **own)
    except NoSuchModuleError:
        raise UsageError(
            f"There is no kind of database {kind!r}; give duckdb:///FILE, sqlite:///FILE, "
            "postgresql://HOST/NAME or another that SQLAlchemy knows."
        ) from None
    except ImportError as error:
        install = '"gengap[postgresql]"' if "psycopg" in str(error) else "it"
        raise UsageError(f"{shown} needs a driver ({error}); pip install {install}.") from None
    except (ArgumentError, ValueError):
        raise UsageError(
            "The database's URL cannot be read; write it like "
            "postgresql://user:password@host:5432/database?table=patients."
        ) from None
    try:
        with engine.connect() as connection:
            if kind.startswith("postgres"):
                connection = connection.execution_options(postgresql_readonly=True)
            names = inspect(connection)
            chosen = _selection(
                shown, query, table, lambda: [*names.get_table_names(), *names.get_view_names()]
            )
            if query is None:  # as this database quotes names
                name = table or names.get_table_names()[0]
                quoted = connection.dialect.identifier_preparer.quote(name)
                chosen = f"SELECT * FROM {quoted}"
            return pd.read_sql_query(text(chosen.replace(":", r"\:")), connection)
    except UsageError:
        raise
    except Exception as error:  # drivers have errors of their own
        raise UsageError(
            f"{shown} cannot be asked ({_said(error)}); check the address and the query."
        ) from None
    finally:
        engine.dispose()


def _said(error: Exception) -> str:
    """What a database says, in its first line and without addresses of help pages."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    first = lines[0].removesuffix(":")
    return masked(_bare(first if len(first) > 3 else " ".join(lines[:2])), one=False)


def _bare(text: str) -> str:
    """Text with the class names that SQLAlchemy puts before it taken away."""
    return re.sub(r"^\((?:\w+\.)+\w+\)\s*", "", text)
