"""PNG images, verified and decoded into 8-bit pixels.

Error messages are predicates, such as "is a truncated PNG (of 60 bytes): write it again". The
caller prepends which image is meant.
"""

import struct
import zlib
from io import BytesIO

import numpy as np

_PNG = b"\x89PNG\r\n\x1a\n"
_COLOURS = {0: "greyscale", 2: "RGB", 3: "palette", 4: "greyscale with alpha", 6: "RGB with alpha"}


def png_shape(data: bytes) -> tuple[int, ...]:
    """Return the shape of a PNG without decoding it: (height, width) or (height, width, 3).

    Raises
    ------
    ValueError
        The data are not a PNG or are corrupt, or 8-bit RGB or greyscale cannot represent it.
    """
    if not data.startswith(_PNG):
        raise ValueError(
            f"is {_other_format(data)}, not a PNG or JPEG: convert it to an 8-bit RGB PNG"
        )
    kinds = []
    position = len(_PNG)
    while b"IEND" not in kinds:
        # A chunk consists of length, kind, content and checksum. Pillow neither verifies the
        # checksums of pixel data nor detects a truncated file if all pixels are present.
        if position + 12 > len(data):
            raise ValueError(_truncated(data))
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise ValueError(_truncated(data))
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != checksum:
            raise ValueError("is a corrupt PNG (a checksum is wrong): write it again")
        kinds.append(kind)
        position = end
    if kinds[0] != b"IHDR":
        raise ValueError("is a corrupt PNG (it does not begin with its header): write it again")
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    if depth == 16 or colour in (4, 6) or b"tRNS" in kinds:
        kind = _COLOURS.get(colour, f"colour type {colour}")
        transparency = " with transparency" if b"tRNS" in kinds else ""
        raise ValueError(
            f"is a PNG of {depth}-bit {kind}{transparency}: convert it to 8-bit RGB or greyscale"
        )
    return (height, width) if colour == 0 else (height, width, 3)


def _truncated(data: bytes) -> str:
    return f"is a truncated PNG (of {len(data)} bytes): write it again"


def _other_format(data: bytes) -> str:
    from PIL import Image

    try:
        with Image.open(BytesIO(data)) as image:
            return f"{image.format} of mode {image.mode}"
    except Exception:  # Pillow raises many types of errors for unknown formats
        return "of an unknown format"


def png_pixels(data: bytes) -> np.ndarray:
    """Decode a PNG accepted by `png_shape`: uint8 (height, width) or (height, width, 3).

    Raises
    ------
    ValueError
        The image is corrupt, or exceeds Pillow's limit on the number of pixels.
    """
    from PIL import Image

    try:
        with Image.open(BytesIO(data), formats=["PNG"]) as image:
            if image.mode not in ("L", "RGB"):  # 1-bit greyscale; a palette
                image = image.convert("L" if image.mode == "1" else "RGB")
            return np.asarray(image)
    except Exception as error:  # OSError, SyntaxError, ValueError, zlib.error, ...
        said = " ".join(str(error).split())
        raise ValueError(f"is a corrupt PNG ({said}): write it again") from error
