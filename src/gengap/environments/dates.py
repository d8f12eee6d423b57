"""Dates as features: a trend, the season, the weekday and the time of day.

A date by itself is larger than every one before it, which no model can learn from. What may come
again in a new environment is where in the year, the week and the day it lies; and the years passed
are a number whose mean and spread each run takes from its own training rows. The season is the
sine and cosine of the year's angle, so that December lies beside January; the time of day alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gengap.environments.texts import is_text, spread, text_levels

_PLACES = (
    r"(?:(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})"
    r"|(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<z>\d{4}|\d{2}))"
    r"(?:[T ](?P<h>\d{1,2}):(?P<n>\d{2})(?::(?P<s>\d{2}))?(?P<rest>.*))?"
)
DATE = re.sub(r"\?P<\w+>", "?:", _PLACES)  # how most texts of a column of dates are written
DAYS_FIRST = "gengap_days_first"  # in a table's attributes: whether each column's days come first
CENTURY = 69  # "69" is 1969 and "68" is 2068, as in POSIX
A_YEAR = pd.Timedelta(days=365)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Dates(NamedTuple):
    """Dates of a column ``(n,)``, missing ones as NaT; how they were read, and which comes first.

    ``days_first`` is None where the texts do not tell.
    """

    times: pd.Series
    said: str = ""
    days_first: bool | None = None
    unread: int = 0


def dates_of(series: pd.Series, days_first: bool | None = None) -> Dates:
    """Read a column of timestamps, periods or texts that :data:`DATE` matches.

    Times are those of the clock where they were taken: zones are left out.

    Args:
        series: ``(n,)``.
        days_first: whether 3/4/2020 is in April, where the texts do not tell.
    """
    if is_text(series):
        return _of_texts(series, days_first)
    times = series
    if isinstance(series.dtype, pd.PeriodDtype):
        times = series.dt.to_timestamp()
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        times = times.dt.tz_localize(None)
    return Dates(pd.Series(times.array).astype("datetime64[us]"))


def date_features(dates: Dates, name: str, within: str | None = None) -> dict[str, Any]:
    """The features of a column of dates, each ``(n,)``, by their names.

    The season only where the dates span a year, for within one it is the trend once more; the
    weekday unless all are of one, or of one day of the month; the time of day where there is one.

    Args:
        dates: ``(n,)``.
        name: of the column.
        within: ``"year"``, ``"quarter"`` or ``"month"`` where this part of the calendar is the
            environment: the features then say where in it a date lies, not in which.
    """
    present = dates.times.dropna()
    parts = [] if within else ["year"]
    if present.max() - present.min() >= A_YEAR and within in (None, "year"):
        parts += ["season, sine", "season, cosine"]
    if present.dt.day_of_week.nunique() > 1 and not _by_months(present):
        parts.append("weekday")
    if (present != present.dt.normalize()).any():
        parts += ["time of day, sine", "time of day, cosine"]
    return {f"{name} ({part})": PARTS[part](dates.times) for part in parts}


def with_date_features(X: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """New rows with the features of dates that ``X`` has and that they hold as dates."""
    known = X.attrs.get(DAYS_FIRST, {})
    read: dict[str, Dates] = {}
    for column in map(str, X.columns):
        name = date_of(column, X)
        if column in new.columns or name == column or name not in new.columns:
            continue
        part = column.removeprefix(f"{name} (").removesuffix(")")
        if name not in read:
            read[name] = dates_of(new[name], known.get(name))
        new = new.assign(**{column: _aligned(PARTS[part](read[name].times), new.index)})
    return new


def date_of(column: Any, X: pd.DataFrame) -> Any:
    """The column of dates that a feature of ``X`` was made of; the feature's own name for others.

    Known from what is kept with ``X``, or else by how such features are called.
    """
    name, _, part = str(column).rpartition(" (")
    made = name in X.attrs.get(DAYS_FIRST, {name: None}) and part.removesuffix(")") in PARTS
    return name if made else column


def said_of(dates: Dates, features: dict[str, Any], name: str) -> str:
    """What became of a column of dates, in a sentence."""
    shown = [column.removeprefix(f"{name} (").removesuffix(")") for column in features]
    words = dict.fromkeys(part.partition(",")[0] for part in shown)
    present = dates.times.dropna()
    missing = f"; {dates.unread:,} that cannot be read count as missing" if dates.unread else ""
    became = f"features are its {_and(list(words))}" if words else "no features"
    return (
        f"Column {name!r} holds dates from {present.min():%Y-%m-%d} to {present.max():%Y-%m-%d}"
        f"{dates.said}; {became}{missing}."
    )


def _year(times: pd.Series) -> np.ndarray:
    """Years with the part of them that has passed, ``(n,)`` float64: 2020.5 is at the middle."""
    starts = times.dt.year.to_numpy(dtype=np.float64, na_value=np.nan)
    return starts + _of_year(times)


def _of_year(times: pd.Series) -> np.ndarray:
    days = 365.0 + times.dt.is_leap_year.to_numpy(dtype=np.float64)
    passed = times.dt.day_of_year.to_numpy(dtype=np.float64, na_value=np.nan) - 1 + _of_day(times)
    found: np.ndarray = passed / days
    return found


def _of_day(times: pd.Series) -> np.ndarray:
    passed = (times - times.dt.normalize()) / pd.Timedelta(days=1)
    return passed.to_numpy(dtype=np.float64, na_value=np.nan)


def _weekday(times: pd.Series) -> Any:
    codes = times.dt.day_of_week.to_numpy(dtype=np.float64, na_value=np.nan)
    days = np.where(np.isnan(codes), -1, codes).astype(np.int64)
    return pd.Categorical.from_codes(days, pd.Index(WEEKDAYS))


def _turn(share: Callable[[pd.Series], np.ndarray], wave: Any) -> Callable[[pd.Series], np.ndarray]:
    return lambda times: wave(2 * np.pi * share(times))


PARTS: dict[str, Callable[[pd.Series], Any]] = {
    "year": _year,
    "season, sine": _turn(_of_year, np.sin),
    "season, cosine": _turn(_of_year, np.cos),
    "weekday": _weekday,
    "time of day, sine": _turn(_of_day, np.sin),
    "time of day, cosine": _turn(_of_day, np.cos),
}


def _by_months(times: pd.Series) -> bool:
    """Whether all dates are the first or the last of a month, as of monthly or yearly figures."""
    return bool((times.dt.day == 1).all() or times.dt.is_month_end.all())


def _of_texts(series: pd.Series, days_first: bool | None) -> Dates:
    codes, levels = text_levels(series)
    found = pd.Series(levels, dtype="str").str.extract(f"^{_PLACES}$")
    first, second = (pd.to_numeric(found[place]) for place in "ab")
    said = ""
    if first.notna().any():
        told = None if not ((first > 12) | (second > 12)).any() else bool((first > 12).any())
        dotted = levels.str.match(r"\d{1,2}\.\d{1,2}\.").any()
        days_first = days_first if told is None and days_first is not None else told
        uncertain = days_first is None and not dotted
        days_first = bool(dotted) if days_first is None else days_first
        said = f", read as {'day/month' if days_first else 'month/day'}/year"
        said += ", which they do not tell" if uncertain else ""
    day, month = (first, second) if days_first else (second, first)
    years = pd.to_numeric(found["z"])
    short = found["z"].str.len() == 2
    years = years.where(~short, years + np.where(years < CENTURY, 2000, 1900))
    hour = pd.to_numeric(found["h"]).fillna(0)
    after = found["rest"].str.strip().str.lower()
    hour = (hour % 12).where(after.str.startswith("am"), hour)
    hour = (hour % 12 + 12).where(after.str.startswith("pm"), hour)
    parts = {
        "year": pd.to_numeric(found["y"]).fillna(years),
        "month": pd.to_numeric(found["m"]).fillna(month),
        "day": pd.to_numeric(found["d"]).fillna(day),
        "hour": hour,
        "minute": pd.to_numeric(found["n"]).fillna(0),
        "second": pd.to_numeric(found["s"]).fillna(0),
    }
    times = pd.to_datetime(pd.DataFrame(parts), errors="coerce").astype("datetime64[us]")
    rows = spread(times.to_numpy(), codes, np.datetime64("NaT"))
    unread = int(np.isnat(rows).sum() - (codes < 0).sum())
    return Dates(pd.Series(rows).astype("datetime64[us]"), said, days_first, unread)


def _aligned(values: Any, index: pd.Index) -> pd.Series:
    return pd.Series(values, index=index)


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
