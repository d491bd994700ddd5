"""JPEG images, verified and decoded into 8-bit pixels. Errors have the form described in `png`."""

from io import BytesIO

import numpy as np

SIGNATURE = b"\xff\xd8\xff"


def jpeg_shape(data: bytes) -> tuple[int, ...]:
    """Return the shape of a JPEG without decoding it: (height, width) or (height, width, 3).

    Raises
    ------
    ValueError
        The header is corrupt, or the image is neither RGB nor greyscale.
    """
    from PIL import Image

    try:
        with Image.open(BytesIO(data), formats=["JPEG"]) as image:
            mode, (width, height) = image.mode, image.size
    except Exception as error:  # Pillow raises errors of many types
        raise ValueError(_corrupt(error)) from error
    if mode not in ("L", "RGB"):
        raise ValueError(f"is JPEG of mode {mode}: convert it to an 8-bit RGB PNG")
    return (height, width) if mode == "L" else (height, width, 3)


def jpeg_pixels(data: bytes) -> np.ndarray:
    """Decode a JPEG accepted by `jpeg_shape`: uint8 (height, width) or (height, width, 3).

    Raises
    ------
    ValueError
        The image is corrupt or truncated, or exceeds Pillow's limit on the number of pixels.
    """
    from PIL import Image

    try:
        with Image.open(BytesIO(data), formats=["JPEG"]) as image:
            return np.asarray(image)
    except Exception as error:
        raise ValueError(_corrupt(error)) from error


def _corrupt(error: Exception) -> str:
    said = " ".join(str(error).split()).split(" <_io")[0]
    return f"is a corrupt JPEG ({said}): write it again"
