"""Small networks whose groups are easy to get wrong, each with a batch of inputs.

`ODD` has their names; `odd_network` builds one.
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations


class Network(nn.Module):
    """Modules, and a function that runs them."""

    def __init__(self, run, **modules):
        super().__init__()
        self.run = run
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.run(self, x)


def vectors():
    return torch.randn(3, 8)


def sequences():
    return torch.randn(2, 6, 8)


def images():
    return torch.randn(2, 3, 8, 8)


def dense(run, hidden, read, **modules):
    """A layer a of so many units, what `run` makes of them, and a layer b of 3 outputs."""
    return Network(
        lambda n, x: n.b(run(n, n.a(x))), a=nn.Linear(8, hidden), b=nn.Linear(read, 3), **modules
    )


def pooled(hidden, layer, read):
    """A convolution i, a layer g, and a layer o that reads means over positions."""
    return Network(
        lambda n, x: n.o(F.relu(n.g(F.relu(n.i(x)))).mean((2, 3))),
        i=nn.Conv2d(3, hidden, 3),
        g=layer,
        o=nn.Linear(read, 3),
    )


def halves(h):
    return h[:, :8] + h[:, 8:]


def outer(n, x):
    return n.b((F.relu(n.a(x))[:, :, None] * n.c(x).tanh()[:, None, :]).flatten(1))


def unet(n, x):
    skip = F.relu(n.i(x))
    return n.o(torch.cat([n.up(F.relu(n.d(skip))), skip], 1))


def mixer(n, x):
    h = n.e(x)
    mixed = n.t2(F.gelu(n.t1(n.n(h).transpose(1, 2))))
    return n.o((h + mixed.transpose(1, 2)).mean(1))


def inplace_view(n, h):
    h = F.relu(h) + 0
    h[:, 2:4].mul_(3.0)
    return h


def inplace_alias(n, x):
    h = n.a(x)
    same = h.add_(n.c(x))
    return n.b(h) + n.d(same)


def inplace_base(n, x):
    """A view is read after what it views was changed: the view changed, too."""
    h = n.a(x)
    view = h.view(-1, 2, 4)
    h.add_(torch.arange(8.0))
    return n.b(view.flatten(1))


def grouped_query(n, x):
    q, k, v = (layer(x).view(len(x), 6, -1, 4).transpose(1, 2) for layer in (n.q, n.k, n.v))
    mixed = F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    return n.out(n.o(mixed.transpose(1, 2).reshape(len(x), 6, 16)).relu().mean(1))


def attention(heads, served, talking=False, normed=False):
    """Attention written out; `served` heads of keys and values serve all heads."""

    def run(n, x):
        batch, positions, _ = x.shape
        x = n.e(x)
        q, k, v = (
            layer(x).view(batch, positions, -1, 4).transpose(1, 2) for layer in (n.q, n.k, n.v)
        )
        if normed:
            q, k = n.nq(q), n.nk(k)
        k, v = (t.repeat_interleave(heads // served, 1) for t in (k, v))
        weights = q @ k.transpose(-1, -2) / 2
        if talking:
            weights = torch.einsum("bhqk,hg->bgqk", weights, n.mix)
        mixed = (weights.softmax(-1) @ v).transpose(1, 2).reshape(batch, positions, -1)
        return n.out((x + n.o(mixed)).mean(1))

    return Network(
        run,
        e=nn.Linear(8, 10),
        q=nn.Linear(10, heads * 4),
        k=nn.Linear(10, served * 4),
        v=nn.Linear(10, served * 4),
        o=nn.Linear(heads * 4, 10),
        out=nn.Linear(10, 3),
        nq=nn.LayerNorm(4),
        nk=nn.LayerNorm(4),
        mix=nn.Parameter(torch.randn(heads, heads)),
    )


def spatial_attention(n, x):
    h = F.relu(n.i(x))
    return n.o((h * n.s(h).sigmoid()).mean((2, 3)))


def masked_attention(n, x):
    """As GPT-2: the causal mask is a buffer that is compared with 0."""
    q, k, v = (n.a(x).view(2, 6, 3, 2, 4).permute(2, 0, 3, 1, 4)).unbind()
    weights = (q @ k.transpose(-1, -2)).masked_fill(n.mask == 0, float("-inf"))
    return n.b((weights.softmax(-1) @ v).transpose(1, 2).reshape(2, 6, 8))


def masked():
    network = Network(masked_attention, a=nn.Linear(8, 24), b=nn.Linear(8, 3))
    network.register_buffer("mask", torch.ones(6, 6).tril())
    return network


def without_gradient(n, h):
    with torch.no_grad():
        scale = 1 / (1 + h.square().mean(-1, keepdim=True))
    return F.relu(h * scale)


def read_twice(n, x):
    """A weight, and one of its columns as a vector of its own."""
    return n.b(F.relu(n.a(x)) * n.a.weight[:, 0])


def zeros_joined(n, x):
    """Only a part of the bias is used."""
    return n.b(F.relu(F.linear(x, n.a.weight, torch.cat([n.a.bias[:5], torch.zeros(3)]))))


ODD = {
    "halves_added": (lambda: dense(lambda n, h: halves(F.relu(h)), 16, 8), vectors),
    "half_used": (
        lambda: dense(lambda n, h: torch.cat([h.relu()[:, :5], h.relu()[:, 5:] * 2], 1), 16, 16),
        vectors,
    ),
    "const_vector": (
        lambda: dense(lambda n, h: F.relu(h) * torch.tensor([1.0, 1, 1, 2, 2, 3]), 6, 6),
        vectors,
    ),
    "input_residual": (
        lambda: Network(lambda n, x: n.b(F.relu(n.a(x)) + x), a=nn.Linear(8, 8), b=nn.Linear(8, 3)),
        vectors,
    ),
    "reversed_sum": (lambda: dense(lambda n, h: h.relu() + h.relu().flip(1), 8, 8), vectors),
    "gram": (
        lambda: dense(lambda n, h: (h.relu() @ h.relu().transpose(1, 2)).flatten(1), 12, 36),
        sequences,
    ),
    "outer_sum": (
        lambda: Network(outer, a=nn.Linear(8, 5), c=nn.Linear(8, 4), b=nn.Linear(20, 3)),
        vectors,
    ),
    "softmax_units": (lambda: dense(lambda n, h: h.softmax(-1), 7, 7), vectors),
    "topk": (lambda: dense(lambda n, h: h.topk(4, -1)[0], 7, 4), vectors),
    "max_over_units": (
        lambda: dense(lambda n, h: h.relu().amax(-1, keepdim=True).expand(-1, 4), 7, 4),
        vectors,
    ),
    "cumsum": (lambda: dense(lambda n, h: h.cumsum(-1), 7, 7), vectors),
    "shared_weight": (
        lambda: Network(
            lambda n, x: n.b(n.a(n.a(x).relu()).relu()), a=nn.Linear(8, 8), b=nn.Linear(8, 3)
        ),
        vectors,
    ),
    "recurrent": (
        lambda: dense(lambda n, h: n.r(n.r(h.relu()).tanh()).tanh(), 9, 9, r=nn.Linear(9, 9)),
        vectors,
    ),
    "lstm_head": (
        lambda: Network(
            lambda n, x: n.b(n.r(x)[0][:, -1]),
            r=nn.LSTM(8, 6, batch_first=True),
            b=nn.Linear(6, 3),
        ),
        sequences,
    ),
    "gru_head": (
        lambda: Network(
            lambda n, x: n.b(n.r(x)[0][:, -1]),
            r=nn.GRU(8, 6, 2, batch_first=True),
            b=nn.Linear(6, 3),
        ),
        sequences,
    ),
    "unet": (
        lambda: Network(
            unet,
            i=nn.Conv2d(3, 8, 3, 1, 1),
            d=nn.Conv2d(8, 12, 3, 2, 1),
            up=nn.ConvTranspose2d(12, 8, 2, 2),
            o=nn.Conv2d(16, 2, 1),
        ),
        images,
    ),
    "groupnorm": (lambda: pooled(12, nn.GroupNorm(4, 12), read=12), images),
    "pixelshuffle": (
        lambda: Network(
            lambda n, x: n.o(F.relu(F.pixel_shuffle(n.i(x), 2))),
            i=nn.Conv2d(3, 16, 3, 1, 1),
            o=nn.Conv2d(4, 2, 1),
        ),
        images,
    ),
    "weight_norm": (
        lambda: Network(
            lambda n, x: n.b(F.relu(n.a(x))),
            a=parametrizations.weight_norm(nn.Linear(8, 6)),
            b=nn.Linear(6, 3),
        ),
        vectors,
    ),
    "grouped_mult": (lambda: pooled(6, nn.Conv2d(6, 12, 3, groups=6), read=12), images),
    "grouped": (lambda: pooled(8, nn.Conv2d(8, 12, 3, groups=4), read=12), images),
    "mixer": (
        lambda: Network(
            mixer,
            e=nn.Linear(8, 10),
            n=nn.LayerNorm(10),
            t1=nn.Linear(6, 7),
            t2=nn.Linear(7, 6),
            o=nn.Linear(10, 3),
        ),
        sequences,
    ),
    "att_mha": (lambda: attention(4, 4), sequences),
    "att_gqa": (lambda: attention(4, 2), sequences),
    "att_mqa": (lambda: attention(4, 1), sequences),
    "att_talking": (lambda: attention(4, 4, talking=True), sequences),
    "att_qknorm": (lambda: attention(4, 4, normed=True), sequences),
    "sdpa_gqa": (
        lambda: Network(
            grouped_query,
            q=nn.Linear(8, 16),
            k=nn.Linear(8, 8),
            v=nn.Linear(8, 8),
            o=nn.Linear(16, 10),
            out=nn.Linear(10, 3),
        ),
        sequences,
    ),
    "mha_module": (
        lambda: Network(
            lambda n, x: n.o(n.m(h := n.e(x), h, h)[0].mean(1)),
            e=nn.Linear(8, 12),
            m=nn.MultiheadAttention(12, 3, batch_first=True),
            o=nn.Linear(12, 3),
        ),
        sequences,
    ),
    "inplace_view": (lambda: dense(inplace_view, 6, 6), vectors),
    "inplace_alias": (
        lambda: Network(
            inplace_alias,
            a=nn.Linear(8, 6),
            c=nn.Linear(8, 6),
            b=nn.Linear(6, 3),
            d=nn.Linear(6, 3),
        ),
        vectors,
    ),
    "value_gate_mixed": (
        lambda: dense(lambda n, h: h[:, [0, 3, 4, 7]] * h[:, [2, 1, 6, 5]].sigmoid(), 8, 4),
        vectors,
    ),
    "dropped_units": (lambda: dense(lambda n, h: F.relu(h)[:, 1:6], 8, 5), vectors),
    "spatial_norm": (
        lambda: Network(
            lambda n, x: n.b(n.n(F.relu(n.a(x))).flatten(1)),
            a=nn.Conv2d(3, 6, 3),
            n=nn.LayerNorm([6, 6, 6]),
            b=nn.Linear(216, 3),
        ),
        images,
    ),
    "position_param": (
        lambda: Network(
            lambda n, x: n.b((F.relu(n.a(x)) * n.w).flatten(1)),
            a=nn.Conv2d(3, 6, 3),
            w=nn.Parameter(torch.randn(6, 6)),
            b=nn.Linear(216, 3),
        ),
        images,
    ),
    "prelu_glu": (lambda: dense(lambda n, h: F.glu(n.p(h), 1), 12, 6, p=nn.PReLU(12)), vectors),
    # Further ones, which the prototype of this room did not have.
    "spatial_attention": (
        lambda: Network(
            spatial_attention,
            i=nn.Conv2d(3, 6, 3),
            s=nn.Conv2d(6, 1, 3, padding=1),
            o=nn.Linear(6, 3),
        ),
        images,
    ),
    "scalar_gain": (
        lambda: dense(lambda n, h: F.relu(h) * n.g, 6, 6, g=nn.Parameter(torch.randn(1))),
        vectors,
    ),
    "masked_attention": (masked, sequences),
    "scaled_weight": (
        lambda: Network(
            lambda n, x: n.b(F.relu(F.linear(x, n.w * 0.5))),
            w=nn.Parameter(torch.randn(6, 8)),
            b=nn.Linear(6, 3),
        ),
        vectors,
    ),
    "without_gradient": (lambda: dense(without_gradient, 6, 6), vectors),
    "read_twice": (lambda: Network(read_twice, a=nn.Linear(8, 6), b=nn.Linear(6, 3)), vectors),
    "inplace_base": (
        lambda: Network(inplace_base, a=nn.Linear(8, 8), b=nn.Linear(8, 3)),
        vectors,
    ),
    "number": (lambda: dense(lambda n, h: h * float(h[0, 0] > 0) + h, 6, 6), vectors),
    "zeros_joined": (
        lambda: Network(zeros_joined, a=nn.Linear(8, 8), b=nn.Linear(8, 3)),
        vectors,
    ),
}


def odd_network(name):
    """The network of that name in evaluation mode, and a batch of inputs."""
    torch.manual_seed(0)
    make, inputs = ODD[name]
    return make().eval(), inputs()
