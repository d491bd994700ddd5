"""PNG and JPEG files, verified and decoded into 8-bit pixels by Pillow.

Error messages are predicates, such as "is corrupt (broken PNG file): write it again". The caller
prepends which image is meant.
"""

from io import BytesIO

import numpy as np

# MPO is a JPEG followed by others, as some cameras write it.
FORMATS, MODES = ("PNG", "JPEG", "MPO"), ("1", "L", "P", "RGB")
BIT_DEPTH = 24  # the place of this byte in a PNG; Pillow opens 16-bit RGB as 8-bit
PNG_END = b"IEND\xaeB`\x82"  # the last chunk, whose checksum Pillow does not verify


def open_image(data: bytes) -> "PIL.Image.Image":  # noqa: F821
    """Return an image that is not decoded yet, after checking its format and checksums.

    Raises
    ------
    ValueError
        The data are not a PNG or JPEG, are corrupt, or no 8-bit RGB or greyscale.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(data)) as image:
            image.verify()
        image = Image.open(BytesIO(data))  # `verify` leaves nothing to decode
    except UnidentifiedImageError as error:
        raise ValueError(
            "is of an unknown format, not a PNG or JPEG, or is truncated: write it again"
        ) from error
    except Image.DecompressionBombError as error:
        raise ValueError("has more pixels than Pillow allows: make it smaller") from error
    except Exception as error:  # Pillow raises errors of many types
        raise ValueError(_corrupt(error)) from error
    if image.format == "PNG" and PNG_END not in data:
        raise ValueError("is a truncated PNG: write it again")
    deep = image.format == "PNG" and data[BIT_DEPTH] == 16
    transparent = "transparency" in image.info
    if image.format not in FORMATS or image.mode not in MODES or deep or transparent:
        raise ValueError(
            f"is a {'16-bit ' if deep else ''}{image.format} of mode {image.mode}"
            f"{' with transparency' if transparent else ''}: convert it to an 8-bit RGB PNG"
        )
    return image


def shape_of(image) -> tuple[int, ...]:
    """Return the shape that the image has when it is decoded: (height, width[, 3])."""
    size = image.size[::-1]
    return size if image.mode in ("1", "L") else (*size, 3)


def pixels_of(image) -> np.ndarray:
    """Decode an image: uint8 of `shape_of`. Raises ValueError if it is corrupt."""
    try:
        return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    except Exception as error:
        raise ValueError(_corrupt(error)) from error


def _corrupt(error: Exception) -> str:
    said = " ".join(str(error).split()).split(" <_io")[0]
    return f"is corrupt ({said}): write it again"
