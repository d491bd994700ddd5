"""A vision transformer for small images (Dosovitskiy et al., 2021)."""

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import ConfigError
from .convolutional import image_shape


class ViT(nn.Module):
    """Patches and a class token pass an encoder; a dense layer reads the class token.

    The layers keep the initial values of torch. `patch` is the side of a square patch, `depth` the
    number of blocks, `width` the number of units of a token; the hidden layers of the blocks have
    four times as many.

    Raises ConfigError if the patch does not divide both sides of an image, or the number of heads
    does not divide the width.
    """

    def __init__(self, shape, classes, patch: int, depth: int, heads: int, width: int):
        super().__init__()
        rows, columns, channels = image_shape(shape)
        if rows % patch or columns % patch:
            raise ConfigError(
                f"network: images of {rows} x {columns} pixels cannot be cut into patches of "
                f"{patch} x {patch}: both sides must be multiples of {patch}"
            )
        if width % heads:
            raise ConfigError(
                f"network: a width of {width} cannot be split into {heads} heads: choose a "
                f"multiple of {heads}"
            )
        tokens = 1 + (rows // patch) * (columns // patch)
        self.embedding = nn.Conv2d(channels, width, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, tokens, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits, (n, classes), of images (n, channels, height, width)."""
        patches = self.embedding(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(images), -1, -1), patches], 1)
        return self.head(self.norm(self.blocks(tokens + self.positions)[:, 0]))


class Block(nn.Module):
    """x + attention(norm(x)), and then x + dense(gelu(dense(norm(x))))."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.query, self.key, self.value, self.merge = (nn.Linear(width, width) for _ in range(4))
        self.dense_norm = nn.LayerNorm(width)
        self.first, self.second = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return (n, tokens, width), as the input."""
        normed = self.attention_norm(tokens)
        query, key, value = (
            layer(normed).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        heads = F.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.merge(heads.transpose(1, 2).flatten(2))
        return tokens + self.second(F.gelu(self.first(self.dense_norm(tokens))))
