from __future__ import annotations

import pickle
import struct
import zlib

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from gengap.base.errors import UsageError
from gengap.records.codec import narrow_floats, narrow_integers, pack, unpack

DTYPES = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]
SHAPES = [(0,), (1,), (257,), (3, 0), (2, 3, 5), ()]


def extremes(dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Random bytes with the dtype's largest and smallest value in front."""
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    count = int(np.prod(shape))
    generator = np.random.default_rng(7)
    values = np.frombuffer(generator.bytes(count * dtype.itemsize), dtype=dtype).copy()
    values[:2] = [limits.max, limits.min][: values[:2].size]
    return values.reshape(shape)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_comes_back_bit_for_bit(name: str, shape: tuple[int, ...], order: str) -> None:
    array = extremes(np.dtype(order + name), shape)
    back = unpack(pack(array))
    assert back.dtype == np.dtype("<" + name)
    assert back.shape == shape
    # As bytes, because random floats include NaNs with payloads.
    assert back.tobytes() == array.astype(np.dtype("<" + name)).tobytes()


def test_views_with_strides_are_packed_by_their_values() -> None:
    array = np.arange(24, dtype=np.int32).reshape(4, 6)[::2, ::-3]
    np.testing.assert_array_equal(unpack(pack(array)), [[5, 2], [17, 14]])


def test_unpacked_arrays_can_be_written_to() -> None:
    back = unpack(pack(np.zeros(3, dtype=np.float32)))
    back[0] = 1
    assert back.tolist() == [1, 0, 0]


def test_the_format_is_as_documented() -> None:
    raw = zlib.decompress(pack(np.array([[1, 2, 256 + 3]], dtype=np.uint16)))
    assert raw == b"g1" + b"H" + b"\x02" + struct.pack("<QQ", 1, 3) + bytes([1, 2, 3, 0, 0, 1])


@pytest.mark.parametrize(
    "array", [np.array(["a"]), np.array([True]), np.array([1j]), np.array([None])], ids=str
)
def test_what_is_not_a_number_is_refused(array: np.ndarray) -> None:
    with pytest.raises(UsageError, match="integers or floats"):
        pack(array)


def test_every_truncation_and_every_flipped_byte_is_noticed() -> None:
    whole = pack(np.random.default_rng(0).random(20).astype(np.float32))
    for length in range(len(whole)):
        with pytest.raises(UsageError, match="store is damaged"):
            unpack(whole[:length])
    for place in range(len(whole)):
        altered = bytearray(whole)
        altered[place] ^= 0x10
        with pytest.raises(UsageError, match="store is damaged"):
            unpack(bytes(altered))
    with pytest.raises(UsageError, match="after its end"):
        unpack(whole + b"x")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "header is unknown"),
        (b"g2B\x01" + struct.pack("<Q", 1) + b"a", "header is unknown"),
        (b"g1O\x01" + struct.pack("<Q", 8) + bytes(64), "header is unknown"),
        (b"g1B\x02" + struct.pack("<Q", 1), "header is cut short"),
        (b"g1B\x01" + struct.pack("<Q", 3) + b"ab", "length does not fit"),
        (b"g1B\x01" + struct.pack("<Q", 1) + b"ab", "length does not fit"),
        (b"g1f\x01" + struct.pack("<Q", 1) + b"abc", "length does not fit"),
        (b"g1B\x02" + struct.pack("<QQ", 2**63, 2**63), "length does not fit"),
    ],
)
def test_streams_with_a_wrong_header_are_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        unpack(zlib.compress(raw))


class Trap:
    """Fails the test if it is ever unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("a record was unpickled",)


@pytest.mark.parametrize("wrap", [bytes, zlib.compress])
def test_nothing_is_unpickled(wrap: object) -> None:
    with pytest.raises(UsageError, match="store is damaged"):
        unpack(wrap(pickle.dumps(Trap())))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([], "u1"),
        ([0, 255], "u1"),
        ([0, 256], "u2"),
        ([65_536], "u4"),
        ([2**32], "u8"),
        ([-1, 0], "i1"),
        ([-1, 127], "i1"),
        ([-1, 128], "i2"),
        ([-129], "i2"),
        ([-1, 2**62], "i8"),
    ],
    ids=str,
)
def test_integers_take_the_smallest_dtype_that_holds_them(values: list[int], dtype: str) -> None:
    array = np.array(values, dtype=np.int64)
    narrow = narrow_integers(array)
    assert narrow.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(narrow.astype(np.int64), array)


def test_values_are_rounded_to_float32_only_where_no_score_shows_it() -> None:
    spread = np.random.default_rng(1).normal(size=1000)
    assert narrow_floats(spread).dtype == np.float32
    # At 1.7e9 float32 goes in steps of 128, far more than the spread.
    seconds = 1.7e9 + spread
    np.testing.assert_array_equal(narrow_floats(seconds), seconds)
    assert narrow_floats(np.array([0.1, np.nan, 0.3])).dtype == np.float64
    assert narrow_floats(np.array([0.0, 1e300])).dtype == np.float64
    assert narrow_floats(np.ones(3, dtype=np.float16)).dtype == np.float32


def test_a_real_prediction_costs_less_than_two_bytes() -> None:
    """A class code and a float16 probability would take three; the digits take about 1.9."""
    X, y = load_digits(return_X_y=True)
    train = np.arange(len(y)) % 5 != 0
    model = LogisticRegression(max_iter=500).fit(X[train] / 16, y[train])
    chances = model.predict_proba(X / 16)
    held = np.flatnonzero(~train)
    codes = pack(narrow_integers(chances[held].argmax(axis=1)))
    true = pack(chances[held, y[held]].astype(np.float16))
    assert len(codes) + len(true) < 2 * len(held)
