"""Dates as features, against the calendar worked by hand and by the standard library."""

from __future__ import annotations

import datetime
import math
import warnings

import numpy as np
import pandas as pd
import pytest

from gengap.base.errors import SuspiciousInput, UsageError
from gengap.environments.core import Environments
from gengap.environments.dates import date_features, dates_of
from gengap.environments.new_examples import below
from gengap.environments.recognition import examine

N = 60


def build(days, **options) -> Environments:
    frame = pd.DataFrame(
        {"site": np.repeat(["A", "B", "C"], N // 3), "y": np.cos(7.0 * np.arange(N)), "day": days}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SuspiciousInput)
        return Environments.from_frame(frame, "y", "site", **options)


def test_trend_season_weekday_and_time_of_day_by_the_standard_library():
    moments = [
        datetime.datetime(2019, 3, 1, 6) + datetime.timedelta(hours=511 * k) for k in range(N)
    ]
    made = build(moments)
    for moment, (_, row) in zip(moments, made.X.iterrows(), strict=True):
        start = datetime.datetime(moment.year, 1, 1)
        share = (moment - start) / (datetime.datetime(moment.year + 1, 1, 1) - start)
        assert row["day (year)"] == pytest.approx(moment.year + share, abs=1e-9)
        assert row["day (season, sine)"] == pytest.approx(math.sin(2 * math.pi * share), abs=1e-9)
        assert row["day (season, cosine)"] == pytest.approx(math.cos(2 * math.pi * share), abs=1e-9)
        assert row["day (weekday)"] == moment.strftime("%A")
        angle = 2 * math.pi * moment.hour / 24
        assert row["day (time of day, sine)"] == pytest.approx(math.sin(angle), abs=1e-9)
        assert row["day (time of day, cosine)"] == pytest.approx(math.cos(angle), abs=1e-9)
    assert len(made.X.columns) == 6
    assert made.notes[0] == (
        "Column 'day' holds dates from 2019-03-01 to 2022-08-08; features are its year, season, "
        "weekday and time of day."
    )


@pytest.mark.parametrize(
    ("days", "parts"),
    [
        (pd.date_range("2020-01-01", periods=N), ["year", "weekday"]),  # within a year
        (pd.date_range("2015-01-01", periods=N, freq="MS"), ["year", "season, sine",
                                                             "season, cosine"]),
        (pd.date_range("2015-01-31", periods=N, freq="ME"), ["year", "season, sine",
                                                             "season, cosine"]),
        (pd.period_range("1960", periods=N, freq="Y"), ["year", "season, sine", "season, cosine"]),
        (pd.date_range("2020-01-06", periods=N, freq="7D"), ["year", "season, sine",
                                                             "season, cosine"]),
        (pd.date_range("2020", periods=N, freq="11D", tz="Europe/Paris"),
         ["year", "season, sine", "season, cosine", "weekday"]),
    ],
)  # fmt: skip
def test_parts_that_say_nothing_are_left_out(days, parts):
    assert list(build(days).X.columns) == [f"day ({part})" for part in parts]


@pytest.mark.parametrize(
    ("texts", "first", "said"),
    [
        (["13/02/2020", "03/04/2020"], "2020-02-13", "day/month/year"),
        (["02/13/2020", "03/04/2020"], "2020-02-13", "month/day/year"),
        (["02/03/2020", "03/04/2020"], "2020-02-03", "month/day/year, which they do not tell"),
        (["02.03.2020", "03.04.2020"], "2020-03-02", "day/month/year"),
        (["2020/2/3 17:05", "2021/3/4 1:00"], "2020-02-03 17:05", ""),
        (["2/13/99 5:05:09 PM", "3/4/01 12:00 am"], "1999-02-13 17:05:09", "month/day/year"),
        (["2020-02-03T10:00:00Z", "2020-02-04T10:00:00+01:00"], "2020-02-03 10:00", ""),
    ],
)
def test_dates_written_as_text(texts, first, said):
    found = dates_of(pd.Series(texts))
    assert found.times[0] == pd.Timestamp(first)
    assert found.said.removeprefix(", read as ") == said
    assert found.unread == 0


def test_a_few_that_cannot_be_read_are_missing_and_many_are_left_out():
    days = pd.Series(pd.date_range("2019", periods=N, freq="17D").strftime("%Y-%m-%d"))
    texts = pd.concat([days] * 3, ignore_index=True)
    texts[5] = "2019-02-30"
    found = dates_of(texts)
    assert found.unread == 1
    assert np.isnan(date_features(found, "d")["d (year)"][5])
    broken = days.where(days.index % 3 != 0, "2019-13-45")
    frame = pd.DataFrame({"x": np.sin(np.arange(N)), "d": broken})
    assert examine(frame["d"]).values is None
    assert "too many cannot be read" in examine(frame["d"]).note


def test_durations_are_days():
    made = build(pd.to_timedelta(np.arange(N) % 7 * 12, unit="h"))
    assert made.X["day"].tolist() == [k % 7 / 2 for k in range(N)]


def test_new_rows_get_the_same_features_from_their_dates():
    texts = pd.Series(pd.date_range("2019-01-14", periods=N, freq="19D").strftime("%d/%m/%Y"))
    made = build(texts.to_numpy())
    new = pd.DataFrame({"day": ["02/03/2020", None]})  # alone, they would not tell
    found = below(made.X, new)
    start = datetime.date(2020, 1, 1)
    share = (datetime.date(2020, 3, 2) - start).days / 366
    assert found["day (year)"].iloc[0] == pytest.approx(2020 + share)
    assert found["day (weekday)"].astype(object).iloc[0] == "Monday"
    assert np.isnan(found["day (year)"].iloc[1])
    assert found["day (weekday)"].isna().iloc[1]
    with pytest.raises(UsageError, match="no column 'day';"):
        below(made.X, pd.DataFrame({"other": [1]}))
    ready = below(made.X, made.X.iloc[:3])
    assert np.allclose(ready["day (year)"], made.X["day (year)"][:3])


def test_where_a_year_is_the_environment_its_season_is_a_feature():
    days = pd.date_range("2019", periods=N, freq="19D")
    frame = pd.DataFrame({"day": days, "y": np.cos(7.0 * np.arange(N))})
    with pytest.warns(SuspiciousInput):
        made = Environments.from_frame(frame, "y", "day:year")
    assert made.names == ("2019", "2020", "2021", "2022")
    parts = [column.removeprefix("day ") for column in made.X.columns]
    assert parts == ["(season, sine)", "(season, cosine)", "(weekday)"]
    with pytest.warns(SuspiciousInput):
        assert list(Environments.from_frame(frame, "y", "day:quarter").X) == ["day (weekday)"]
