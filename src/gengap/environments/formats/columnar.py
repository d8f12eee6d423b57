"""Arrow's formats, through pyarrow: Parquet, Feather and Arrow files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from gengap.base.errors import UsageError
from gengap.base.paths import refuse_bomb
from gengap.environments.formats.settled import settled


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet file; a named index becomes columns.

    Raises:
        UsageError: damaged, far larger than its file, or pyarrow is missing.
    """

    def read() -> pd.DataFrame:
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(path) as file:
            refuse_bomb(path, 8 * file.metadata.num_rows * file.metadata.num_columns)
        return pd.read_parquet(path, engine="pyarrow")

    return _table(path, "Parquet", read)


def read_feather(path: Path) -> pd.DataFrame:
    """Read a Feather file, of either version, or an Arrow file; a named index becomes columns.

    Raises:
        UsageError: damaged, far larger than its file, or pyarrow is missing.
    """

    def read() -> pd.DataFrame:
        import pyarrow
        import pyarrow.feather

        with pyarrow.memory_map(str(path)) as source:
            if source.read(4) == b"FEA1":
                return pd.read_feather(path)
            size = 0
            with pyarrow.ipc.open_file(source) as file:
                for k in range(file.num_record_batches):  # each is dropped before the next
                    size += file.get_batch(k).nbytes
                    refuse_bomb(path, size)
                return file.read_all().to_pandas()

    return _table(path, "Feather", read)


def _table(path: Path, kind: str, read: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    try:
        import pyarrow  # noqa: F401

        frame = read()
    except UsageError:
        raise
    except ImportError:
        raise UsageError(
            f'Reading {path} needs pyarrow; install it with pip install "gengap[parquet]".'
        ) from None
    except Exception as error:  # what is wrong with a file is told in many kinds
        raise UsageError(f"{path} is a damaged {kind} file ({error}); write it again.") from None
    frame.columns = frame.columns.map(str)
    kept = [name for name in frame.index.names if name is not None and name not in frame.columns]
    frame = frame.reset_index(level=kept).reset_index(drop=True) if kept else frame
    return settled(frame, path)
