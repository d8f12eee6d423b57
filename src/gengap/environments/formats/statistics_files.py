"""Files of statistics packages: Stata (.dta), SAS (.sas7bdat, .xpt) and SPSS (.sav, .zsav).

Value labels become categories where every value that occurs has one, and the numbers are kept where
only some have, such as 99 for "no answer".
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing
from gengap.base.paths import refuse_bomb
from gengap.environments.core import suspect
from gengap.environments.formats.packed import head
from gengap.environments.formats.settled import NOTES, noted, settled

SAS = bytes.fromhex("c2ea8160b31411cfbd92080009c7318c181f1011")  # at byte 12
XPORT = b"HEADER RECORD*******LIB"
XPORT_8 = b"HEADER RECORD*******LIBV8"
SPSS = (b"$FL2", b"$FL3")
STATA = b"<stata_dta>"
OLD_STATA = range(102, 116)  # the first byte of a file of Stata 12 or earlier


def kind_of(path: Path, start: bytes) -> str | None:
    """Which package wrote a file, by its content; older ones of Stata by their ending too."""
    if start[12:32] == SAS:
        return "sas7bdat"
    if start.startswith(XPORT):
        return "xport"
    if start.startswith(SPSS):
        return "spss"
    old = path.suffix.lower() == ".dta" and start[:1] and start[0] in OLD_STATA
    return "stata" if start.startswith(STATA) or old else None


def read_statistics(path: Path, kind: str) -> pd.DataFrame:
    """Read a file of a kind that :func:`kind_of` gives.

    Raises:
        UsageError: damaged, far larger than its file, or pyreadstat is missing for SPSS.
    """
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        "stata": _stata,
        "spss": _spss,
        "sas7bdat": _sas,
        "xport": _sas,
    }
    try:
        # Of some faults pandas prints a line, which has no place in a command's output.
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            frame = readers[kind](path)
    except UsageError:
        raise
    except ImportError:
        raise UsageError(
            f'Reading {path} needs pyreadstat; install it with pip install "gengap[spss]".'
        ) from None
    except Exception as error:  # what is wrong with a file is told in many kinds
        name = {"stata": "Stata", "spss": "SPSS"}.get(kind, "SAS")
        raise UsageError(f"{path} is a damaged {name} file ({error}); write it again.") from None
    suspect(frame.attrs.get(NOTES, ()))
    return settled(frame, path)


def _stata(path: Path) -> pd.DataFrame:
    plain = pd.read_stata(path, convert_categoricals=False)
    try:
        labelled = pd.read_stata(path, convert_categoricals=True, order_categoricals=False)
    except ValueError:  # two values share a label
        said = f"{path} gives several values one label; the numbers behind its labels were read."
        return noted(plain, said)
    return _with_labels(path, plain, labelled)


def _spss(path: Path) -> pd.DataFrame:
    plain = pd.read_spss(path, convert_categoricals=False)
    return _with_labels(path, plain, pd.read_spss(path, convert_categoricals=True))


def _with_labels(path: Path, plain: pd.DataFrame, labelled: pd.DataFrame) -> pd.DataFrame:
    """The labels of columns whose every value has one, and the numbers of the others."""
    frame, partly = plain.copy(), []
    for name in plain.columns:
        column = labelled[name]
        if not isinstance(column.dtype, pd.CategoricalDtype):
            continue
        used = column.cat.remove_unused_categories().cat.categories
        text = not pd.api.types.is_numeric_dtype(plain[name].dtype)
        if text or all(isinstance(value, str) for value in used):
            frame[name] = column
        else:
            partly.append(str(name))
    if not partly:
        return frame
    named = [label for label in partly if plain[label].notna().any()]
    return noted(
        frame,
        f"{path} labels only some values of {listing(map(repr, named), 5)}; their numbers were "
        "read, so check whether codes such as 99 stand for missing ones.",
    )


def _sas(path: Path) -> pd.DataFrame:
    if head(path, len(XPORT_8)) == XPORT_8:
        raise UsageError(
            f"{path} is a SAS transport file of version 8; write it as version 5, or as .sas7bdat."
        )
    reader: Any
    with pd.read_sas(path, iterator=True, **_encoding(path)) as reader:
        rows = getattr(reader, "row_count", 0) or getattr(reader, "nobs", 0)
        refuse_bomb(path, int(rows) * max(int(getattr(reader, "row_length", 0)), 1))
        frame = reader.read()
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind == "O" and pd.api.types.infer_dtype(column) == "bytes":
            frame[name] = column.map(_decoded, na_action="ignore")
    # Where SAS has a missing text, there is none.
    return frame.replace({"": np.nan})


def _encoding(path: Path) -> dict[str, Any]:
    is_xport = head(path, len(XPORT)) == XPORT
    return {"format": "xport"} if is_xport else {"format": "sas7bdat", "encoding": "infer"}


def _decoded(value: Any) -> Any:
    return value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else value
