"""Reads folders of images, ``ENVIRONMENT/CLASS/IMAGE``, with Pillow."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gengap.base.errors import UsageError, listing
from gengap.base.paths import existing, shown
from gengap.environments.core import Environments, Task, suspect

# The only formats that are tried: of the others Pillow knows, some start programs (PostScript).
IMAGE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
MAX_PIXELS = 2**26  # of one image
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
MAX_IMAGE_BYTES = 8 * 2**30  # what all images of a folder may take once decoded
GREY_MODES = {"1", "L", "LA", "I", "I;16", "I;16L", "I;16B", "I;16N", "F"}
LAYOUT = (
    "wanted is one folder per environment, in it one folder per class, in it the images: "
    "ENVIRONMENT/CLASS/IMAGE.png"
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
