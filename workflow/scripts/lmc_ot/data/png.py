"""PNG images, checked and decoded into 8-bit pixels.

An error says what the image is and how to mend it: "is a truncated PNG (of 60 bytes): write it
again". The caller says before it which image that is.
"""

import struct
import zlib
from io import BytesIO

import numpy as np

_PNG = b"\x89PNG\r\n\x1a\n"
_COLOURS = {0: "greyscale", 2: "RGB", 3: "palette", 4: "greyscale with alpha", 6: "RGB with alpha"}


def png_shape(data: bytes) -> tuple[int, ...]:
    """The shape of a PNG's image, without decoding it: (height, width), or (height, width, 3).

    Raises
    ------
    ValueError
        It is not a PNG, it is broken, or of a kind that 8-bit RGB or greyscale cannot hold.
    """
    if not data.startswith(_PNG):
        raise ValueError(
            f"is {_other_format(data)}, not a PNG or JPEG: convert it to an 8-bit RGB PNG"
        )
    kinds = []
    position = len(_PNG)
    while b"IEND" not in kinds:
        # A chunk: length, kind, content, checksum. Pillow does not look at the checksums of
        # pixels, nor does it miss the end of a file if all pixels are there.
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
    except Exception:  # Pillow has no one error for what it does not know
        return "something else"


def png_pixels(data: bytes) -> np.ndarray:
    """The pixels of a PNG that has a shape: uint8 (height, width), or (height, width, 3).

    Raises
    ------
    ValueError
        It is broken, or so large that Pillow refuses it.
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
