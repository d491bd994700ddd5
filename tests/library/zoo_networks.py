"""Networks of the usual architectures, with what their groups are.

`ZOO` has for each: how to build it, a batch of inputs, and the expected number of sets of
interchangeable units and of families of heads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
import torchvision
from torch import nn

TOKENS, LENGTH, WIDTH, HEADS = 50, 12, 32, 4


@dataclass(frozen=True)
class Architecture:
    """One network. `heavy` ones take more than some seconds or gigabytes."""

    make: Callable[[], nn.Module]
    inputs: Callable[[], torch.Tensor]
    sets: int
    families: int = 0
    heavy: bool = True


def images(side):
    return lambda: torch.randn(2, 3, side, side)


def mlp():
    return nn.Sequential(
        *[nn.Flatten(), nn.Linear(192, 32), nn.ReLU(), nn.Linear(32, 48), nn.LayerNorm(48)],
        *[nn.GELU(), nn.Linear(48, 10)],
    )


class ChannelNorm(nn.Module):
    """Layer normalisation over channels, at every position."""

    def __init__(self, channels):
        super().__init__()
        self.n = nn.LayerNorm(channels)

    def forward(self, x):
        return self.n(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def vgg():
    layers, below = [], 3
    for width in (16, 24, 32):
        for _ in range(2):
            layers += [nn.Conv2d(below, width, 3, padding=1), ChannelNorm(width), nn.ReLU()]
            below = width
        layers.append(nn.MaxPool2d(2))
    head = [nn.Flatten(), nn.Linear(512, 40), nn.ReLU(), nn.Linear(40, 10)]
    return nn.Sequential(*layers, *head)


class Block(nn.Module):
    """A residual block whose shortcut is padded with channels of zeros (ResNet's option A)."""

    def __init__(self, below, width, stride):
        super().__init__()
        self.c1 = nn.Conv2d(below, width, 3, stride, 1, bias=False)
        self.b1 = nn.BatchNorm2d(width)
        self.c2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.b2 = nn.BatchNorm2d(width)
        self.stride, self.more = stride, (width - below) // 2

    def forward(self, x):
        y = self.b2(self.c2(F.relu(self.b1(self.c1(x)))))
        if self.stride > 1:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))
        y += x
        return F.relu(y)


class ResNet20(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.c = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.b = nn.BatchNorm2d(width)
        blocks, below = [], width
        for stage in range(3):
            for number in range(3):
                above = width * 2**stage
                blocks.append(Block(below, above, 2 if stage and not number else 1))
                below = above
        self.blocks = nn.Sequential(*blocks)
        self.f = nn.Linear(below, 10)

    def forward(self, x):
        return self.f(self.blocks(F.relu(self.b(self.c(x)))).mean((2, 3)))


class GPT(nn.Module):
    """Fused queries, keys and values, RMS norms, gated layers, a causal mask."""

    def __init__(self, tied=True, rotary=False):
        super().__init__()
        self.rotary = rotary
        self.e = nn.Embedding(TOKENS, WIDTH)
        self.p = nn.Embedding(16, WIDTH)
        self.qkv = nn.ModuleList(nn.Linear(WIDTH, 3 * WIDTH) for _ in range(2))
        self.o = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(2))
        self.g = nn.ModuleList(nn.Linear(WIDTH, 128) for _ in range(2))
        self.d = nn.ModuleList(nn.Linear(64, WIDTH) for _ in range(2))
        self.n = nn.ParameterList(nn.Parameter(torch.ones(WIDTH)) for _ in range(5))
        self.head = nn.Linear(WIDTH, TOKENS, bias=False)
        if tied:
            self.head.weight = self.e.weight

    def norm(self, x, number):
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        return x * scale * self.n[number]

    def turned(self, x, cos, sin):
        """Rotary positions: pairs of units are rotated."""
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def forward(self, tokens):
        batch, length = tokens.shape
        x = self.e(tokens) + self.p(torch.arange(length))
        mask = torch.full((length, length), float("-inf")).triu(1)
        for layer in range(2):
            q, k, v = (
                part.view(batch, length, HEADS, -1).transpose(1, 2)
                for part in self.qkv[layer](self.norm(x, 2 * layer)).chunk(3, -1)
            )
            if self.rotary:
                half = torch.arange(WIDTH // HEADS // 2)
                angles = torch.arange(length)[:, None] * 100.0 ** (-half / len(half))
                q, k = (self.turned(t, angles.cos(), angles.sin()) for t in (q, k))
            scores = torch.einsum("bhqd,bhkd->bhqk", q, k) / (WIDTH / HEADS) ** 0.5
            mixed = torch.einsum("bhqk,bhkd->bhqd", (scores + mask).softmax(-1), v)
            x = x + self.o[layer](mixed.transpose(1, 2).reshape(batch, length, -1))
            value, gate = self.g[layer](self.norm(x, 2 * layer + 1)).chunk(2, -1)
            x = x + self.d[layer](F.silu(value) * gate)
        return self.head(self.norm(x, 4))


def encoder():
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 64, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


def tokens():
    return torch.randint(0, TOKENS, (2, LENGTH))


def published(name, sets, families=0, side=64, heavy=True, **options):
    make = partial(getattr(torchvision.models, name), weights=None, **options)
    return Architecture(make, images(side), sets, families, heavy)


def small_maxvit():
    """maxvit_t with windows of 2 x 2 instead of 7 x 7, which need images of 224 pixels."""
    return torchvision.models.MaxVit(
        input_size=(64, 64),
        stem_channels=64,
        partition_size=2,
        block_channels=[64, 128, 256, 512],
        block_layers=[2, 2, 5, 2],
        head_dim=32,
        stochastic_depth_prob=0.2,
    )


untrained = {"init_weights": False}
ZOO = {
    "mlp": Architecture(mlp, images(8), 2, heavy=False),
    "vgg_ln": Architecture(vgg, images(32), 7, heavy=False),
    "resnet20": Architecture(ResNet20, images(32), 12, heavy=False),
    "gpt_tied": Architecture(GPT, tokens, 19, 2, heavy=False),
    "gpt_untied": Architecture(partial(GPT, tied=False), tokens, 19, 2, heavy=False),
    "gpt_rotary": Architecture(partial(GPT, tied=False, rotary=True), tokens, 11, 2, heavy=False),
    "encoder": Architecture(encoder, lambda: torch.randn(2, 7, WIDTH), 18, 2, heavy=False),
    "squeezenet1_1": published("squeezenet1_1", 25, heavy=False),
    "resnet18": published("resnet18", 12),
    "resnet50": published("resnet50", 37),
    "resnext50": published("resnext50_32x4d", 1029, 16),
    "alexnet": published("alexnet", 7),
    "vgg11_bn": published("vgg11_bn", 10),
    "densenet121": published("densenet121", 120),
    "mobilenet_v2": published("mobilenet_v2", 25),
    "mobilenet_v3_small": published("mobilenet_v3_small", 27),
    "mnasnet1_0": published("mnasnet1_0", 25),
    "shufflenet_v2_x1_0": published("shufflenet_v2_x1_0", 86),
    "regnet_x_400mf": published("regnet_x_400mf", 765, 22),
    "regnet_y_400mf": published("regnet_y_400mf", 1083, 16),
    "googlenet": published("googlenet", 57, **untrained),
    "inception_v3": published("inception_v3", 94, side=112, **untrained),
    "efficientnet_b0": published("efficientnet_b0", 40),
    "convnext_tiny": published("convnext_tiny", 22),
    "vit_b_16": published("vit_b_16", 301, 12, image_size=64),
    "swin_t": published("swin_t", 292, 12),
    "swin_v2_t": published("swin_v2_t", 328, 12),
    "efficientnet_v2_s": published("efficientnet_v2_s", 75),
    "vgg16_bn": published("vgg16_bn", 15),
    "maxvit_t": Architecture(small_maxvit, images(64), 387, 22),
}


def zoo_network(name):
    """The network of that name in evaluation mode, and a batch of inputs."""
    torch.manual_seed(0)
    architecture = ZOO[name]
    return architecture.make().eval(), architecture.inputs()
