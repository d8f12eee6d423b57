"""Readers of users' files: tables, NumPy archives and image folders.

Each reader takes one path and names that path in every error. Nothing is unpickled or executed.
Tables come back as plain DataFrames; :func:`read` finds out which kind a path is and returns
:class:`~gengap.environments.core.Environments`.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import math
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import IO, Any, NamedTuple

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing, suggest
from gengap.base.paths import MOST_RATIO, UNSUSPICIOUS, readable, refuse_bomb, shown
from gengap.environments.columns import environments_from_frame
from gengap.environments.core import Environments, Task, suspect
from gengap.environments.malformed import fault, lines_of

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
# The only formats that are tried: of the others Pillow knows, some start programs (PostScript).
IMAGE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
MAX_PIXELS = 2**26  # of one image
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
MAX_IMAGE_BYTES = 8 * 2**30  # what all images of a folder may take once decoded
SNIFFED_BYTES = 2**18
GZIP = b"\x1f\x8b"  # how every gzip file begins
GREY_MODES = {"1", "L", "LA", "I", "I;16", "I;16L", "I;16B", "I;16N", "F"}
LAYOUT = (
    "wanted is one folder per environment, in it one folder per class, in it the images: "
    "ENVIRONMENT/CLASS/IMAGE.png"
)
DAMAGED = (OSError, EOFError, zlib.error, zipfile.BadZipFile)


class _Dialect(NamedTuple):
    """How a text table is written, and the column names of its first line."""

    delimiter: str
    encoding: str
    compression: str | None
    header: list[str]


def read(
    path: str | Path,
    target: str | None = None,
    environment: str | None = None,
    task: Task | None = None,
    drop: Sequence[str] = (),
    factors: Sequence[str] = (),
    cluster: str | None = None,
) -> Environments:
    """Read environments from a table, a NumPy archive or an image folder.

    Args:
        path: ``.csv``, ``.tsv`` (also ``.gz``), ``.parquet``, ``.npz``, or a folder
            ``ENVIRONMENT/CLASS/IMAGE``.
        target: the column to predict (tables) or the key of the targets (``.npz``, default ``y``).
        environment: the column or key that says where a row came from (``.npz``: ``environment``).
        task: told apart from the target when not given.
        drop: columns or keys to leave out.
        factors: table columns to regroup or split by; they are no features. A ``.npz`` keeps
            every further key as a factor, so there this only checks that they exist.
        cluster: the column or key that says which rows belong together, such as a patient's.

    Raises:
        UsageError: anything about the path, its content or the options that cannot be used.
    """
    path = existing(path)
    if path.is_dir():
        if target or environment or drop or factors or cluster:
            raise UsageError(
                f"{path} is a folder of images, which takes no target, environment, drop, factors "
                f"or cluster: {LAYOUT}; leave these options out."
            )
        return read_image_folder(path, task=task)
    if path.suffix.lower() == ".npz":
        keys = {"target": target or "y", "environment": environment or "environment"}
        return read_npz(path, **keys, task=task, drop=drop, factors=factors, cluster=cluster)
    if path.name.lower().removesuffix(".gz").endswith(("ubyte", ".idx")):
        raise UsageError(
            f"{path} is one IDX array without environments; in Python, combine arrays from "
            "gengap.environments.read_idx with Environments.from_arrays."
        )
    frame = read_table(path)
    if target is None or environment is None:
        option = "target" if target is None else "environment"
        raise UsageError(
            f"Say which column of {path} is the {option} (--{option} COLUMN); there are: "
            f"{listing(frame.columns, 40)}."
        )
    name = shown(path.name.split(".")[0] or path.name)
    return environments_from_frame(
        frame, target, environment, factors, cluster, task=task, drop=drop, name=name
    )


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table with a header line, or a Parquet file, into a DataFrame.

    Text tables: the delimiter is found among comma, semicolon, tab and vertical bar; UTF-8 (with
    or without byte order mark), UTF-16 with one, else Latin-1; gzip is recognised by content.
    What the reader had to assume is listed in ``frame.attrs["gengap_notes"]`` and warned about.

    Raises:
        UsageError: no such file, empty, header only, binary, one column only, ragged rows,
            repeated column names, damaged, or pyarrow missing for Parquet.
    """
    path = existing(path)
    if path.is_dir():
        raise UsageError(f"{path} is a folder, not a table; give a file.")
    if _head(path, 4) == b"PAR1":
        frame = _read_parquet(path)
    else:
        dialect = _sniff(path)
        try:
            frame = _read_text(path, dialect)
        except UnicodeDecodeError:
            frame = _read_text(path, dialect._replace(encoding="latin-1"))
            note = f"{path} is not UTF-8; it was read as Latin-1, so check accented letters."
            suspect([note])
            frame.attrs["gengap_notes"] = [note]
    if len(frame) == 0:
        raise UsageError(f"{path} has a header but no rows; give a table with examples.")
    return frame


def read_npz(
    path: str | Path,
    *,
    target: str = "y",
    environment: str = "environment",
    task: Task | None = None,
    drop: Sequence[str] = (),
    factors: Sequence[str] = (),
    cluster: str | None = None,
) -> Environments:
    """Read a NumPy archive with ``X`` ``(n, ...)``, ``y`` ``(n,)`` and ``environment`` ``(n,)``.

    Every further array ``(n,)`` becomes a factor, ``cluster`` among them. Pickled (object) arrays
    are refused.

    Raises:
        UsageError: no such file, no archive, a key missing, or arrays of the wrong shape or type.
    """
    path = existing(path)
    arrays = load_npz(path)
    if len({"X", target, environment}) < 3:
        raise UsageError("X, the targets and the environments are three arrays; name one for each.")
    for key in ("X", target, environment, *drop, *factors, *([cluster] if cluster else [])):
        if key not in arrays:
            raise UsageError(
                f"{path} has no array {key!r}{suggest(key, arrays)} (there are: "
                f"{listing(arrays) or 'none'}); save with "
                "numpy.savez(path, X=..., y=..., environment=...)."
            )
    X, y, where = arrays.pop("X"), arrays.pop(target), arrays.pop(environment)
    others = {key: values for key, values in arrays.items() if key not in drop}
    for key, values in others.items():
        if values.shape != X.shape[:1]:
            raise UsageError(
                f"Array {key!r} of {path} has shape {values.shape}, but a factor has one entry "
                f"per example {X.shape[:1]}; leave it out (--drop {key})."
            )
    return Environments.from_arrays(
        X, y, where, factors=others, cluster=cluster, task=task, name=shown(path.stem)
    )


def read_image_folder(
    path: str | Path,
    size: int | tuple[int, int] | None = None,
    grey: bool | None = None,
    *,
    task: Task | None = None,
) -> Environments:
    """Read images from ``ENVIRONMENT/CLASS/IMAGE`` folders with Pillow.

    Args:
        path: the folder that holds one folder per environment.
        size: height and width in pixels (one number for squares). By default the images' own
            size; if they differ, the median height and width, said in a note.
        grey: one channel instead of three; by default one when every image is grey.
        task: ``"regression"`` reads class folder names as numbers.

    Returns:
        ``X`` of shape ``(n, 1 or 3, height, width)``, values 0 to 255, ``uint8`` (``float32``
        when an image has more than 8 bits per channel); ``factors["file"]`` names each image.

    Raises:
        UsageError: another layout, a damaged or enormous image, or more pixels than fit.
    """
    path = existing(path)
    pillow = _pillow()
    try:
        files, notes = _image_files(path)
    except OSError as error:
        raise UsageError(
            f"{error.filename} cannot be read: {error.strerror}; check the rights."
        ) from None
    shapes, modes = _image_headers(pillow, files)
    wanted = _common_size(size, shapes, files, notes)
    deep = any(mode.startswith(("I", "F")) for mode in modes)
    grey = modes <= GREY_MODES if grey is None else grey
    shape = (len(files), 1 if grey else 3, *wanted)
    dtype = np.dtype(np.float32 if deep else np.uint8)
    if (total := math.prod(shape) * dtype.itemsize) > MAX_IMAGE_BYTES:
        raise UsageError(
            f"The {len(files):,} images in {path} at {wanted[0]}x{wanted[1]} pixels would take "
            f"{total / 2**30:.1f} GiB; read them at a smaller size, e.g. "
            "read_image_folder(path, size=64)."
        )
    X = np.empty(shape, dtype)
    for k, file in enumerate(files):
        X[k] = _pixels(pillow, file, wanted, grey, deep)
    suspect(notes)
    return Environments.from_arrays(
        X,
        [shown(file.parent.name) for file in files],
        [shown(file.parent.parent.name) for file in files],
        factors={"file": [shown(str(file.relative_to(path))) for file in files]},
        task=task or "classification",
        name=shown(path.resolve().name),
        notes=notes,
    )


def existing(path: str | Path) -> Path:
    """Return the path, or say what is near it when there is no such file."""
    path = readable(path)
    try:
        if path.is_dir() or (path.exists() and path.stat().st_size):
            return path
        if path.exists():
            raise UsageError(f"{path} is empty (0 bytes); give a file with content.")
        folder = path.parent
        if not folder.is_dir():
            raise UsageError(f"There is no folder {folder} (looking for {path}); check the path.")
        near = suggest(path.name, (file.name for file in folder.iterdir()))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({error}); check the path.") from None
    raise UsageError(f"There is no file {path}{near or '; check the path.'}")


def _head(path: Path, size: int) -> bytes:
    with path.open("rb") as stream:
        return stream.read(size)


def opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    """Open for reading bytes, through gzip when the content says so."""
    return gzip.open(path) if _head(path, 2) == GZIP else path.open("rb")


def _sniff(path: Path) -> _Dialect:
    """Find out how a text table is written, from its first 256 KiB."""
    try:
        with opened(path) as stream:
            start = stream.read(SNIFFED_BYTES)
    except DAMAGED as error:
        raise UsageError(f"{path} cannot be read ({error}); the file is damaged.") from None
    compression = "gzip" if _head(path, 2) == GZIP else None
    if compression:
        _refuse_gzip_bomb(path)
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if start[:4] == b"PK\x03\x04":
        raise UsageError(f"{path} is a zip archive or an Excel workbook; save the table as CSV.")
    if encoding != "utf-16" and b"\0" in start:
        raise UsageError(f"{path} is a binary file, not a table; give a CSV or Parquet file.")
    text = start.decode(encoding, "replace")
    if len(start) == SNIFFED_BYTES:
        text = text[: text.rfind("\n") + 1] or text
    rows, delimiter = _split_rows(text)
    if not rows:
        raise UsageError(f"{path} is empty (blank lines only); give a file with content.")
    header = [cell.strip() or f"Unnamed: {k}" for k, cell in enumerate(rows[0])]
    if len(header) < 2:
        raise UsageError(
            f"{path} is not a table: its first line has one column ({header[0][:60]!r}); give at "
            f"least two columns separated by {listing(DELIMITERS.values())}."
        )
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise UsageError(f"{path} has several columns called {listing(twice)}; rename them.")
    return _Dialect(delimiter, encoding, compression, header)


def _refuse_gzip_bomb(path: Path) -> None:
    limit, unpacked = max(UNSUSPICIOUS, MOST_RATIO * path.stat().st_size), 0
    with contextlib.suppress(*DAMAGED), gzip.open(path) as stream:
        while unpacked <= limit and (piece := stream.read(1 << 20)):
            unpacked += len(piece)
    refuse_bomb(path, unpacked)


def _split_rows(text: str) -> tuple[list[list[str]], str]:
    """Split into rows of cells by the delimiter under which most rows are as wide as the first."""
    tables = []
    for delimiter in DELIMITERS:
        rows: list[list[str]] = []
        # A cell of more than 128 KiB ends the sniffing, not the reading.
        with contextlib.suppress(csv.Error):
            reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
            rows.extend(row for row in reader if row)
        width = len(rows[0]) if rows else 0
        alike = np.mean([len(row) == width for row in rows]) if width > 1 else 0.0
        tables.append((alike, width, rows, delimiter))
    _, _, rows, delimiter = max(tables, key=lambda table: table[:2])
    return rows, delimiter


def _read_text(path: Path, dialect: _Dialect) -> pd.DataFrame:
    options: dict[str, Any] = {
        "sep": dialect.delimiter,
        "encoding": dialect.encoding,
        "compression": dialect.compression,
        "skipinitialspace": dialect.delimiter != "\t",
        "index_col": False,  # otherwise a surplus cell in every row becomes the index
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            warnings.simplefilter("error", pd.errors.ParserWarning)
            try:
                frame = pd.read_csv(path, **options)
            except OverflowError:  # whole numbers that no float holds are judged as text
                frame = pd.read_csv(path, **options, dtype=str)
            # Parsing in pieces keeps memory low, but a column whose pieces differ in type must
            # be read again as text, or 7 and "7" would be different values.
            loose = [c for c in frame if pd.api.types.is_object_dtype(frame[c].dtype)]
            mixed = [c for c in loose if pd.api.types.infer_dtype(frame[c]).startswith("mixed")]
            if mixed:
                again = pd.read_csv(path, **options, usecols=mixed, dtype=str)
                frame = frame.assign(**{str(c): again[c] for c in again})
    except (pd.errors.ParserWarning, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).removeprefix("Error tokenizing data. ").strip()
        said = _fault(path, dialect) or f"is no well-formed table ({reason}); repair it"
        raise UsageError(f"{path} {said}.") from None
    except DAMAGED as error:
        raise UsageError(f"{path} is no well-formed table ({error}); repair it.") from None
    with opened(path) as stream:
        swallowed = lines_of(stream) > len(frame) + 1
    # Only where the last column is empty can a row be short.
    if (swallowed or frame.iloc[:, -1].isna().any()) and (said := _fault(path, dialect)):
        raise UsageError(f"{path} {said}.")
    frame.columns = frame.columns.str.strip()
    return frame


def _fault(path: Path, dialect: _Dialect) -> str:
    with (
        opened(path) as stream,
        io.TextIOWrapper(stream, dialect.encoding, "replace", newline="") as text,
    ):
        return fault(text, dialect.delimiter, len(dialect.header))


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        import pyarrow
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(path) as file:
            refuse_bomb(path, 8 * file.metadata.num_rows * file.metadata.num_columns)
        frame = pd.read_parquet(path, engine="pyarrow")
    except UsageError:
        raise
    except ImportError:
        raise UsageError(
            f'Reading {path} needs pyarrow; install it with pip install "gengap[parquet]".'
        ) from None
    except Exception as error:  # what is wrong with a file is told in many kinds
        raise UsageError(f"{path} is a damaged Parquet file ({error}); write it again.") from None
    frame.columns = frame.columns.map(str)
    kept = [name for name in frame.index.names if name is not None and name not in frame.columns]
    frame = frame.reset_index(level=kept).reset_index(drop=True) if kept else frame
    for place, dtype in enumerate(frame.dtypes):
        column = frame.iloc[:, place]
        if dtype.kind == "O" and pd.api.types.infer_dtype(column) == "decimal":
            frame.isetitem(place, column.to_numpy(dtype=np.float64))
    return frame.reset_index(drop=True)


def load_npz(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of a NumPy archive, in the machine's own byte order.

    Raises:
        UsageError: no archive, not of arrays, of pickled ones, or damaged.
    """
    try:
        archive = np.load(path, allow_pickle=False, mmap_mode="r")
        if isinstance(archive, np.ndarray):
            raise UsageError(f"{path} is a single array; save X, y and environment as .npz.")
        with archive:
            refuse_bomb(path, sum(member.file_size for member in archive.zip.infolist()))
            arrays = {shown(key): archive[key] for key in archive.files}
        if others := [key for key, held in arrays.items() if not isinstance(held, np.ndarray)]:
            raise UsageError(
                f"{path} holds {listing(others)}, which are no arrays; save it with numpy.savez."
            )
    except UsageError:
        raise
    except Exception as error:  # a header is parsed as Python, and fails in as many ways
        raise UsageError(
            f"{path} is no NumPy archive of plain arrays ({error}); save it with numpy.savez, "
            "text as str arrays and no objects."
        ) from None
    return {key: _native(held, f"Array {key!r} of {path}") for key, held in arrays.items()}


def _native(array: np.ndarray, label: str) -> np.ndarray:
    """Return an array in the machine's own byte order; fields and raw bytes are refused."""
    if array.dtype.kind == "V":
        raise UsageError(f"{label} has fields or raw bytes; save plain numbers or text.")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    # What is wider than 64 bits has no place in a table.
    return array.astype(np.float64) if array.dtype == np.longdouble else array


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError:
        raise UsageError(
            'Reading images needs Pillow; install it with pip install "gengap[images]".'
        ) from None
    return Image


def _folders(path: Path) -> list[Path]:
    hidden = (".", "__MACOSX")
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith(hidden))


def _image_files(path: Path) -> tuple[list[Path], list[str]]:
    """List images in the order of environment, class and name, with notes on what is skipped."""
    if not path.is_dir():
        raise UsageError(f"{path} is not a folder of images; {LAYOUT}.")
    files: list[Path] = []
    skipped: list[str] = []
    for folder in (c for e in _folders(path) for c in _folders(e)):
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file():
                files.append(file)
            elif not file.name.startswith(".") and file.name != "Thumbs.db":
                skipped.append(str(file.relative_to(path)))
    if not files:
        raise UsageError(f"{path} is not an image folder; {LAYOUT}.")
    notes = [f"Skipped {len(skipped)} entries that are no images: {listing(skipped, 5)}."]
    return files, notes if skipped else []


def _image_headers(pillow: ModuleType, files: list[Path]) -> tuple[list[tuple[int, int]], set[str]]:
    """Height and width of every image, and all pixel modes, without decoding."""
    shapes, modes = [], set()
    for file in files:
        with _image(pillow, file) as image:
            # EXIF orientations 5 to 8 lie on their side. Asking a PNG without EXIF decodes it.
            asked = image.format != "PNG" or "exif" in image.info
            turned = asked and image.getexif().get(0x0112, 1) >= 5
            shapes.append(image.size if turned else image.size[::-1])
            modes.add(image.mode)
    return shapes, modes


@contextlib.contextmanager
def _image(pillow: ModuleType, file: Path) -> Iterator[Any]:
    """Open an image; whatever goes wrong with it until it is closed names the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with pillow.open(file, formats=IMAGE_FORMATS) as image:
                if math.prod(image.size) > MAX_PIXELS:
                    raise pillow.DecompressionBombError
                yield image
        except pillow.DecompressionBombError:
            raise UsageError(
                f"{file} has more than {MAX_PIXELS:,} pixels; shrink or remove it."
            ) from None
        except Exception as error:  # Pillow's decoders raise many kinds on damaged files
            raise UsageError(f"{file} is no readable image ({error}); remove it.") from None


def _common_size(
    size: int | tuple[int, int] | None,
    shapes: list[tuple[int, int]],
    files: list[Path],
    notes: list[str],
) -> tuple[int, int]:
    """Decide height and width of all images; when it is the median of several, add a note."""
    if size is not None:
        wanted = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
        if min(wanted) < 1:
            raise UsageError(f"The image size must be at least 1 pixel; got {size}.")
        return wanted
    if len(set(shapes)) == 1:
        return shapes[0]
    height, width = (round(float(m)) for m in np.median(np.array(shapes), axis=0))
    sizes = zip(files, shapes, strict=True)
    odd = [f"{file} ({h}x{w})" for file, (h, w) in sizes if (h, w) != (height, width)]
    notes.append(
        f"The images differ in size; {len(odd)} of {len(files)} were resized to the median, "
        f"{height}x{width} pixels (height x width): {listing(odd, 5)}."
    )
    return height, width


def _pixels(
    pillow: ModuleType, file: Path, size: tuple[int, int], grey: bool, deep: bool
) -> np.ndarray:
    """Decode one image to ``(1 or 3, height, width)`` on the scale 0 to 255."""
    from PIL import ImageOps

    with _image(pillow, file) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.mode.startswith(("I", "F")):
            # Pillow's own conversion to 8 bits clips at 255 instead of scaling.
            scale = np.float32(1 if image.mode == "F" else 257)
            planes = [pillow.fromarray(np.asarray(image, np.float32) / scale)]
        else:
            # Pillow warns unless a palette with transparency goes through RGBA.
            image = image.convert("RGBA" if "transparency" in image.info else image.mode)
            planes = list(image.convert("L" if grey else "RGB").split())
        if deep:
            planes = [plane.convert("F") for plane in planes]
        if planes[0].size != size[::-1]:
            planes = [plane.resize(size[::-1], pillow.Resampling.BILINEAR) for plane in planes]
        return np.stack([np.asarray(plane) for plane in planes])
