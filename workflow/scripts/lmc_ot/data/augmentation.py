"""Augmentation: every image of an epoch moved a little, by numbers drawn for it beforehand.

Drawing and moving are separate. The numbers of a network and an epoch come from one random stream,
one row per example, so an image is moved alike in whatever batch, and on whatever device, it
is. Moving is one affine map of the image plane: flip, crop and rotation are composed before a
pixel is read, so an image is interpolated once.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..errors import ConfigError

COLUMNS = ("flip", "zoom", "angle", "across", "down")
"""A row: 1 to mirror left and right, else 0; the factor by which the picture grows; its rotation
in degrees, counter-clockwise; where the crop's centre lies, in half widths to the right and half
heights down from the image's. ``(0, 1, 0, 0, 0)`` changes nothing."""


@dataclass(frozen=True)
class Augmentation:
    """The ranges to draw from; the config's schema declares the options and their defaults.

    Git Re-Basin's recipe for CIFAR-10 is ``Augmentation(True, (0.8, 1.2), 30.0)``, its crop,
    flip and rotation in that order.

    Parameters
    ----------
    flip
        Whether images are mirrored.
    zoom
        Smallest and largest zoom, uniform in its logarithm. A zoom z above 1 crops a window of
        1/z of height and width at a random place and enlarges it to the image's size; below 1 the
        whole image is shrunk and lies at a random place.
    rotation
        Largest angle in degrees, uniform to both sides.

    Raises
    ------
    ConfigError
        A zoom or an angle is out of range.
    """

    flip: bool
    zoom: tuple[float, float]
    rotation: float

    def __post_init__(self):
        object.__setattr__(self, "zoom", tuple(float(zoom) for zoom in self.zoom))
        finite = all(math.isfinite(zoom) for zoom in self.zoom)
        if len(self.zoom) != 2 or not finite or not 0 < self.zoom[0] <= self.zoom[1]:
            raise ConfigError(
                f"augmentation.zoom: {list(self.zoom)}: expected [smallest, largest], above 0"
            )
        if not 0 <= self.rotation <= 180:
            raise ConfigError(f"augmentation.rotation: {self.rotation}: expected 0 .. 180 degrees")

    @property
    def changes_nothing(self) -> bool:
        """Whether every image stays as it is, whatever is drawn."""
        return not self.flip and self.zoom == (1, 1) and self.rotation == 0

    def draw(self, stream: np.random.Generator, examples: int) -> np.ndarray:
        """Numbers for that many examples.

        Five numbers are taken from the stream for every example, whatever is switched on: an
        example's flip does not depend on whether images are rotated, nor any of its numbers on
        how many examples come after it.

        Returns
        -------
        numpy.ndarray
            float32 (examples, 5), columns as in `COLUMNS`.
        """
        uniform = stream.random((examples, len(COLUMNS)))
        smallest, largest = self.zoom
        zoom = smallest * (largest / smallest) ** uniform[:, 1]
        # The window's centre can move by half of what it is smaller, or larger, than the image.
        room = np.abs(1 - 1 / zoom)
        rows = [
            (uniform[:, 0] < 0.5) & self.flip,
            zoom,
            self.rotation * (2 * uniform[:, 2] - 1),
            room * (2 * uniform[:, 3] - 1),
            room * (2 * uniform[:, 4] - 1),
        ]
        return np.stack(rows, axis=1).astype(np.float32)

    @staticmethod
    def apply(
        images: torch.Tensor, rows: torch.Tensor, black: torch.Tensor | float = 0.0
    ) -> torch.Tensor:
        """Move images, each by its row.

        Pixels are interpolated bilinearly. Everything outside of an image is black, as in Git
        Re-Basin's recipe: a reflection would put a second copy of the border's objects there.

        Parameters
        ----------
        images
            float32 (n, height, width, channels), on any device.
        rows
            float32 (n, 5), columns as in `COLUMNS`.
        black
            The input of a black pixel: one value, or float32 (channels,), on the device of
            the images.

        Returns
        -------
        torch.Tensor
            float32 (n, height, width, channels), on the device of the images.
        """
        examples, height, width, _ = images.shape
        flip, zoom, angle, across, down = rows.to(images.device)[:, :, None, None].unbind(1)
        # A pixel at (x, y) of the result is read at A (x, y) + (across, down), in half widths and
        # half heights from the centre, y downwards: rotated back, mirrored, then into the crop.
        # Not by affine_grid, whose matrix product takes as long as all the rest.
        x = _centres(width, images.device)
        y = _centres(height, images.device)[:, None]
        sine = torch.sin(torch.deg2rad(angle)) / zoom
        cosine = torch.sin(torch.deg2rad(90 - angle.abs())) / zoom  # of 90 degrees exactly 0
        mirror = 1 - 2 * flip
        places = images.new_empty(examples, height, width, 2)
        torch.add(
            mirror * cosine * x + across, -mirror * sine * (height / width) * y, out=places[..., 0]
        )
        torch.add(sine * (width / height) * x + down, cosine * y, out=places[..., 1])
        moved = F.grid_sample(
            # grid_sample fills with 0. Rotated rows are read twice as fast from planes.
            (images - black).permute(0, 3, 1, 2).contiguous(),
            places,
            mode="bilinear",
            padding_mode="zeros",
            align_corners=False,
        )
        return (moved.permute(0, 2, 3, 1) + black).contiguous()


def _centres(pixels: int, device: torch.device) -> torch.Tensor:
    """The pixels' centres along a side that reaches from -1 to 1."""
    return (2 * torch.arange(pixels, device=device) + 1) / pixels - 1
