"""Run `torch.nn.Module`s with the parameters of several networks: a stack."""

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from ..errors import ConfigError, UserError, one_line
from ..rng import generator
from ..tables import Parameters
from .module import check_takes_batch, run_and_measure

Stacked = dict[str, torch.Tensor]
"""K networks: name in the state dict -> float32 tensor, whose first axis is the network."""

# Examples per batch when running statistics are recomputed. Batches are large because each one is
# normalised by its own statistics.
STATISTICS_BATCH = 1000


class Network:
    """An architecture: one module, which is run with the parameters of one or several networks.

    Parameters
    ----------
    module
        Maps float32 images (n, channels, height, width), or other inputs (n, ...), to logits
        (n, classes) or other outputs (n, ...). It may have a method
        ``initialise(stream: numpy.random.Generator)`` that draws its initial parameters, and its
        class itself, not one that it derives from, a method ``forward_of_stack``: see `mlp.MLP`.
    shape
        Shape of one image, (height, width) or (height, width, channels), or of one input as in a
        `Dataset`: with the module's first axis last.
    classes
        Number of logits that are expected at least; None if outputs need not be logits.
    make
        Builds the module again; only needed for `initial` if it has no ``initialise``.
    channels
        Number of channels to which grey images are repeated; None to leave images as they are.
    is_images
        Whether inputs are images, which have three axes even if their shape has fewer.

    Attributes
    ----------
    names, trained
        The parameters and buffers that make up a network: those of a floating-point type in the
        state dict, in its order, with tied ones once. And those of them that are trained.
    statistics
        The running statistics of batch norms. They are never updated in training, but recomputed
        with `with_recomputed_statistics`.
    batched
        Whether the module's class can run several networks without `torch.func.vmap`.
    floats_per_example
        Largest number of values that a module inside returns for one example.

    Raises
    ------
    ConfigError
        The module cannot be run on inputs of this shape, or returns something else than expected.
    """

    def __init__(
        self,
        module: nn.Module,
        shape: tuple[int, ...],
        classes: int | None,
        make: Callable[[], nn.Module] | None = None,
        channels: int | None = None,
        is_images: bool = True,
    ):
        self.module = module.float().eval()
        # One that is inherited may compute another function than the module's `forward`.
        self.batched = "forward_of_stack" in vars(type(module))
        self.shape, self.classes = tuple(shape), classes
        self.image_shape = (*self.shape, 1, 1)[:3] if is_images else self.shape
        self._make, self._channels = make, channels
        self._device = torch.device("cpu")
        self._norms = {
            name: norm
            for name, norm in module.named_modules()
            if isinstance(norm, _BatchNorm) and norm.running_mean is not None
        }
        for norm in self._norms.values():
            # In training it then neither updates nor uses the statistics, which vmap would refuse.
            norm.track_running_stats = False
        tensors = {}
        for name, tensor in module.state_dict(keep_vars=True).items():
            if tensor.is_floating_point():
                tensors.setdefault(id(tensor), (name, tensor))
        self.names = [name for name, _ in tensors.values()]
        self.trained = [name for name, tensor in tensors.values() if tensor.requires_grad]
        self.statistics = [
            f"{name}.{statistic}".removeprefix(".")
            for name in self._norms
            for statistic in ("running_mean", "running_var")
        ]
        self.floats_per_example = self._checked()

    @property
    def has_convolutions(self) -> bool:
        """Whether a module inside is a convolution."""
        return any(isinstance(module, _ConvNd) for module in self.module.modules())

    @cached_property
    def draws(self) -> bool:
        """Whether the module draws random numbers in training, as dropout does."""
        with torch.random.fork_rng(devices=[]):
            before = torch.get_rng_state()
            self._train_once(1)
            return not torch.equal(before, torch.get_rng_state())

    @cached_property
    def stackable(self) -> bool:
        """Whether several networks can be trained at once, with the results that each has alone.

        Not if modules draw random numbers, or `torch.func.vmap` is needed and refuses them.
        """
        if self.draws:
            return False
        try:
            self._train_once(2)
        except RuntimeError:
            return False
        return True

    def images(self, flat: torch.Tensor) -> torch.Tensor:
        """Return inputs (..., values) as the module reads them: (..., channels, height, width).

        The result is a view in the memory format channels_last, in which convolutions are fastest
        on CPUs, as the pixels of a data set are in the order (height, width, channels).
        """
        images = flat.unflatten(-1, self.image_shape).movedim(-1, -len(self.image_shape))
        if self._channels is None:
            return images
        return images.expand(*images.shape[:-3], self._channels, *images.shape[-2:])

    def initial(self, seed: int, learning_rate: float, number: int) -> Parameters:
        """Draw the initial parameters of network `number` of a learning rate from its own stream.

        A module without ``initialise`` is built again after torch's generator has been seeded.
        """
        self._move(torch.device("cpu"))
        module = self.module
        if hasattr(module, "initialise"):
            module.initialise(generator(seed, "initialisation", float(learning_rate), number))
        else:
            stream = generator(seed, "construction", float(learning_rate), number)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(stream.integers(2**63)))
                module = self._make()
        state = module.state_dict()
        return {
            name: state[name].detach().to("cpu", torch.float32, copy=True).numpy()
            for name in self.names
        }

    def forward(
        self, parameters: Stacked, images: torch.Tensor, training: bool = False
    ) -> torch.Tensor:
        """Run K networks and return their logits, (K, n, classes), or other outputs, (K, n, ...).

        In training they run at once, by the module's ``forward_of_stack`` or `torch.func.vmap`,
        otherwise one after the other. In training, dropout is on, batch norms use the statistics of
        the batch, and the parameters need not hold the running statistics.

        Parameters
        ----------
        images
            float32 (n, values), shared by all networks, or (K, n, values), one batch per network.
        """
        if self.module.training != training:
            self.module.train(training)
        self._move(images.device)
        networks = len(next(iter(parameters.values())))
        batches = self.images(images)
        batches = batches.expand(networks, *batches.shape[-1 - len(self.image_shape) :])
        if self.batched and (training or networks == 1):
            return self.module.forward_of_stack(parameters, batches)
        if networks == 1:
            # The backward pass of indexing would write its gradient into a tensor of zeros.
            own = {name: tensor.squeeze(0) for name, tensor in parameters.items()}
            return self._run(own, batches.squeeze(0)).unsqueeze(0)
        if training:
            # Other kernels of attention have no rule for vmap, and abort in the backward pass.
            with sdpa_kernel(SDPBackend.MATH):
                return vmap(self._run, randomness="different")(parameters, batches)
        return torch.stack(
            [
                self._run({name: tensor[k] for name, tensor in parameters.items()}, batch)
                for k, batch in enumerate(batches)
            ]
        )

    def _run(self, parameters: Stacked, images: torch.Tensor) -> torch.Tensor:
        logits = functional_call(self.module, parameters, (images,))
        if not isinstance(logits, torch.Tensor):
            raise UserError(
                f"network: in training, {type(self.module).__name__} returns "
                f"{type(logits).__name__} instead of logits: turn off its auxiliary outputs"
            )
        return logits

    @torch.no_grad()
    def with_recomputed_statistics(
        self, parameters: Stacked, images: torch.Tensor | None
    ) -> Stacked:
        """Recompute the running statistics of all batch norms on training images (n, pixels).

        Interpolating running statistics does not yield those of the interpolated network, so they
        are recomputed for every network on a path before it is evaluated. They are the means of
        the batches' means and variances, weighted by the number of examples. Only batch norms
        behave as in training; dropout is off.

        Raises UserError if there are no images, or a batch norm cannot be run on them.
        """
        if not self.statistics:
            return parameters
        if images is None or not len(images):
            raise UserError(
                "network: no training images to recompute the statistics of batch norm on: "
                "expected one or more"
            )
        free = {name: tensor for name, tensor in parameters.items() if name not in self.statistics}
        networks = [
            self._statistics_of({name: tensor[k] for name, tensor in free.items()}, images)
            for k in range(len(next(iter(free.values()))))
        ]
        return {
            name: free[name] if name in free else torch.stack([one[name] for one in networks])
            for name in self.names
        }

    def _statistics_of(self, parameters: Stacked, images: torch.Tensor) -> Stacked:
        """Return the running statistics of one network."""
        sums: Stacked = {}
        counts = dict.fromkeys(self._norms, 0)

        def measure(name: str):
            def hook(norm, inputs):
                [values] = inputs
                axes = [axis for axis in range(values.dim()) if axis != 1]
                found = torch.var_mean(values, axes, correction=0)
                for statistic, value in zip(("running_var", "running_mean"), found, strict=True):
                    key = f"{name}.{statistic}".removeprefix(".")
                    sums[key] = sums.get(key, 0.0) + value * len(values)
                counts[name] += len(values)

            return hook

        self._move(images.device)
        self.module.eval()
        hooks = [n.register_forward_pre_hook(measure(name)) for name, n in self._norms.items()]
        try:
            for norm in self._norms.values():
                norm.train()
            for batch in images.split(STATISTICS_BATCH):
                self._run(parameters, self.images(batch))
        except ValueError as error:  # of one value per channel, for example
            raise UserError(f"network: statistics of batch norm: {one_line(error)}") from error
        finally:
            for hook in hooks:
                hook.remove()
            self.module.eval()
        # A norm that no image passes keeps the statistics of the module.
        kept = dict(self.module.named_buffers())
        return {
            name: sums[name] / counts[name.rpartition(".")[0]] if name in sums else kept[name]
            for name in self.statistics
        }

    def _move(self, device: torch.device) -> None:
        """Move the module, whose non-persistent buffers are not among the parameters."""
        if device != self._device:
            self.module.to(device)
            self._device = device

    @torch.no_grad()
    def _train_once(self, networks: int) -> None:
        """Run copies of the module's own parameters on the CPU, as in training."""
        self._move(torch.device("cpu"))
        state = self.module.state_dict()
        copies = {name: torch.stack([state[name]] * networks) for name in self.names}
        self.forward(copies, self._zeros(2), training=True)

    def _zeros(self, examples: int) -> torch.Tensor:
        return torch.zeros(examples, math.prod(self.image_shape), device=self._device)

    @torch.no_grad()
    def _checked(self) -> int:
        """Run the module on two inputs and return the attribute `floats_per_example`."""
        what = type(self.module).__name__
        images = self.images(self._zeros(2))
        size = " x ".join(map(str, images.shape[1:]))
        if not self.trained:
            raise ConfigError(f"network: {what} has no parameters to train")
        check_takes_batch(self.module, images)
        try:
            outputs, largest = run_and_measure(self.module, images)
        except Exception as error:
            shown = f"images of {size} (channels x height x width)"
            read = shown if len(self.image_shape) == 3 else f"inputs of {size}"
            raise ConfigError(
                f"network: {what} cannot be run on {read}: {one_line(error, 200)}"
            ) from error
        shape = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else ()
        fits, expected = shape[:1] == (2,), "outputs, (2, ...)"
        if self.classes is not None:
            fits = fits and len(shape) == 2 and shape[1] >= self.classes
            expected = f"logits, (2, {self.classes})"
        if not fits:
            returned = shape if hasattr(outputs, "shape") else type(outputs).__name__
            raise ConfigError(
                f"network: {what} returns {returned} for 2 images: expected {expected}"
            )
        return largest


def stack(networks: list[Parameters], device: str | torch.device = "cpu") -> Stacked:
    """Stack networks of equal shapes along a new first axis; otherwise raise ValueError."""
    keys = list(networks[0])
    for other in networks[1:]:
        if list(other) != keys or any(other[k].shape != networks[0][k].shape for k in keys):
            raise ValueError("networks of different shapes cannot be stacked")
    return {key: torch.from_numpy(np.stack([n[key] for n in networks])).to(device) for key in keys}


def unstack(parameters: Stacked) -> list[Parameters]:
    """Invert `stack`: return the networks as arrays on the CPU."""
    arrays = {key: tensor.detach().cpu().numpy() for key, tensor in parameters.items()}
    count = len(next(iter(arrays.values())))
    return [{key: array[k].copy() for key, array in arrays.items()} for k in range(count)]
