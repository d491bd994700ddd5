"""Augmentation: in every epoch, each image is randomly flipped, zoomed and rotated.

Drawing the random numbers and transforming the images are separate. The numbers of a network and
an epoch come from one random stream, one row per example, so the result depends neither on the
batch nor on the device. Flip, crop and rotation are composed into one affine map, so an image is
interpolated only once.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..errors import ConfigError

COLUMNS = ("flip", "zoom", "angle", "across", "down")
"""The numbers of an example: 1 to mirror left and right, else 0; the magnification; the rotation in
degrees, counter-clockwise; the offset of the crop's centre from that of the image, to the right in
half widths and down in half heights. ``(0, 1, 0, 0, 0)`` is the identity."""


@dataclass(frozen=True)
class Augmentation:
    """The ranges of random transforms; defaults are declared in the schema of the config.

    Git Re-Basin's recipe for CIFAR-10 (crop, flip and rotation, in this order) is
    ``Augmentation(True, (0.8, 1.2), 30.0)``.

    Parameters
    ----------
    flip
        Whether images are mirrored, with probability 1/2.
    zoom
        Smallest and largest zoom; its logarithm is uniform. A zoom z above 1 crops a window of 1/z
        of the height and width at a random position and enlarges it to the size of the image. A
        zoom below 1 shrinks the whole image and places it at a random position.
    rotation
        Largest angle in degrees; the angle is uniform in [-rotation, rotation].

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
                f"augmentation.zoom: {list(self.zoom)}: expected [smallest, largest], both above 0"
            )
        if not 0 <= self.rotation <= 180:
            raise ConfigError(f"augmentation.rotation: {self.rotation}: expected 0 .. 180 degrees")

    @property
    def changes_nothing(self) -> bool:
        """Whether the transform is always the identity."""
        return not self.flip and self.zoom == (1, 1) and self.rotation == 0

    def draw(self, stream: np.random.Generator, examples: int) -> np.ndarray:
        """Draw the numbers of `examples` examples.

        Every example takes five numbers from the stream, even if some transforms are disabled: an
        example's flip does not depend on whether images are rotated, and its numbers do not
        depend on how many examples follow.

        Returns
        -------
        numpy.ndarray
            float32 (examples, 5), columns as in `COLUMNS`.
        """
        uniform = stream.random((examples, len(COLUMNS)))
        smallest, largest = self.zoom
        zoom = smallest * (largest / smallest) ** uniform[:, 1]
        # The window's centre can move by half the difference in size between window and image.
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
        """Transform each image by its row of numbers.

        Pixels are interpolated bilinearly. Everything outside the image is black, as in Git
        Re-Basin's recipe; reflecting the image would duplicate objects at the border.

        Parameters
        ----------
        images
            float32 (n, height, width, channels), on any device.
        rows
            float32 (n, 5), columns as in `COLUMNS`.
        black
            The network's input for a black pixel: one value, or float32 (channels,) on the device
            of the images.

        Returns
        -------
        torch.Tensor
            float32 (n, height, width, channels), on the device of the images.
        """
        examples, height, width, _ = images.shape
        flip, zoom, angle, across, down = rows.to(images.device)[:, :, None, None].unbind(1)
        # The pixel (x, y) of the result is read at A (x, y) + (across, down), with coordinates in
        # half widths and half heights from the centre, y pointing down: rotated back, mirrored,
        # then shifted into the crop. affine_grid would double the time by its matrix product.
        x = _centres(width, images.device)
        y = _centres(height, images.device)[:, None]
        sine = torch.sin(torch.deg2rad(angle)) / zoom
        cosine = torch.sin(torch.deg2rad(90 - angle.abs())) / zoom  # exactly 0 at 90 degrees
        mirror = 1 - 2 * flip
        places = images.new_empty(examples, height, width, 2)
        torch.add(
            mirror * cosine * x + across, -mirror * sine * (height / width) * y, out=places[..., 0]
        )
        torch.add(sine * (width / height) * x + down, cosine * y, out=places[..., 1])
        moved = F.grid_sample(
            # grid_sample pads with 0. With channels first it reads rotated rows twice as fast.
            (images - black).permute(0, 3, 1, 2).contiguous(),
            places,
            mode="bilinear",
            padding_mode="zeros",
            align_corners=False,
        )
        return (moved.permute(0, 2, 3, 1) + black).contiguous()


def _centres(pixels: int, device: torch.device) -> torch.Tensor:
    """Return the coordinates of the pixels' centres along a side from -1 to 1."""
    return (2 * torch.arange(pixels, device=device) + 1) / pixels - 1
