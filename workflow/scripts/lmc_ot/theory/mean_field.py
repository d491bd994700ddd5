"""Experiment `mean_field`: two-layer networks in the mean-field regime become linearly connected
as they widen (Theorem 3.1 and Corollary 3.2)."""

from collections.abc import Iterator

import numpy as np

from ..connectivity import barrier
from ..rng import generator
from .experiment import Measurement, Prediction
from .transport import matching

DEVIATION = "squared deviation at t = 1/2"
LOSS_GAP = "loss gap at t = 1/2"
BARRIER = "loss barrier"

TEST_EXAMPLES = 2000
PATH = barrier.grid(9)
BLOCK = 256  # steps whose examples are drawn at once; no value depends on it


class MeanField:
    """Midpoints of pairs of networks f(x) = (1/N) sum_i a_i tanh(w_i . x), with and without
    matching, against the number of neurons N.

    Both networks of a pair have the same initial law and SGD time, and initial values, examples
    and noise of their own. As Appendix C.4 asks, everything is bounded: x, a and the entries of w
    are uniform, of mean 0 and variance 1, 1 and 1/d, and the target is sin(x_1 + x_2).

    SGD is the paper's, with one new example per step: with theta_i = (a_i, w_i) in R^D, D = d + 1,

        theta_i <- (1 - 2 lambda s) theta_i + 2 s (y - f(x)) grad_theta a_i tanh(w_i . x)
                   + sqrt(2 s tau / D) g_i,   g_i standard normal.

    This is the gradient of (y - f)^2 + (lambda / N) sum_i |theta_i|^2, times N. The variant
    "noiseless" has lambda = tau = 0, and differs from "noisy" by these two alone.

    The theorem asks for a step size s below a bound that depends on N: Lemma C.1's error has a
    part that falls with s alone, as both networks follow their own examples. So s N is kept, and
    s falls as 1/N.

    Neurons are matched by the exact assignment on |theta_i - theta'_j|^2, the theorem's
    permutation. With m(t) the network whose parameters are (1 - t) A + t B, f_mean the mean of
    the predictions of A and B and L the mean squared error, on one sample of 2,000 examples:

    - squared deviation: E |m(1/2) - f_mean|^2; Theorem 3.1 at t = 1/2.
    - loss gap: |L(m(1/2)) - L(f_mean)|. The proof of the corollary bounds
      it; by convexity, the barrier at 1/2 is at most this.
    - loss barrier: max over nine t of L(m(t)) - (1 - t) L(A) - t L(B); Corollary 3.2. It is at
      least 0, and often 0, as averaged predictions are better than their endpoints: no slope.

    Predicted for matched pairs: all go to 0. The paper's bound goes to 0 with N, by an exponent
    that depends on D; nothing says that it is sharp, so no slope is predicted. For matched
    neurons that are close, m(1/2) - f_mean is of second order in their distance: this suggests
    (it is not in the paper) that the deviation follows W_2^4, N^(-4/D) at best for D > 4.
    """

    def __init__(
        self,
        sizes: list[int],
        dimension: int,
        time: float,
        step: float,
        decay: float,
        temperature: float,
        repetitions: int,
    ):
        self.sizes, self.d, self.time, self.step = sizes, dimension, time, step
        self.repetitions = repetitions
        self.variants = {"noiseless": (0.0, 0.0), "noisy": (decay, temperature)}

    def measure(self, seed: int) -> Iterator[Measurement]:
        """See `experiment.Experiment`."""
        x = _inputs(generator(seed, "mean field", "test", self.d), (TEST_EXAMPLES, self.d))
        y = target(x)
        for variant, (decay, temperature) in self.variants.items():
            for n in self.sizes:
                trained = self.train(seed, n, decay, temperature)
                for repetition in range(self.repetitions):
                    a, b = trained[2 * repetition : 2 * repetition + 2].astype(np.float64)
                    permutation = matching(a.T, b.T)
                    for name, other in (("matched", b[:, permutation]), ("not matched", b)):
                        for quantity, value in compare(a, other, x, y).items():
                            yield Measurement(quantity, f"{variant}, {name}", n, repetition, value)

    def train(self, seed: int, n: int, decay: float, temperature: float) -> np.ndarray:
        """All networks of a size after `time`: (2 repetitions, d + 1, n) float32, A and B of a
        repetition one after the other. A network's values depend on no other."""
        identities = [
            ("mean field", self.d, n, repetition, network)
            for repetition in range(self.repetitions)
            for network in ("A", "B")
        ]
        examples = [generator(seed, *identity, "examples") for identity in identities]
        noises = [generator(seed, *identity, "noise") for identity in identities]
        theta = np.stack([initial(generator(seed, *i, "initial"), self.d, n) for i in identities])
        size = self.step / n
        steps = round(self.time / size)
        noise = np.empty_like(theta)
        for first in range(0, steps, BLOCK):
            shape = (min(BLOCK, steps - first), self.d)
            inputs = np.stack([_inputs(stream, shape) for stream in examples], axis=1)
            for x in inputs:
                change = ascent(theta, x.astype(np.float32), target(x).astype(np.float32))
                if decay:
                    theta *= np.float32(1 - 2 * decay * size)
                change *= np.float32(2 * size)
                theta += change
                if temperature:
                    for stream, out in zip(noises, noise, strict=True):
                        stream.standard_normal(out=out, dtype=np.float32)
                    noise *= np.float32((2 * size * temperature / (self.d + 1)) ** 0.5)
                    theta += noise
        return theta

    def predictions(self) -> list[Prediction]:
        """See `experiment.Experiment`. The barrier has none: it may be 0."""
        return [
            Prediction(quantity, f"{variant}, {name}", None)
            for quantity in (DEVIATION, LOSS_GAP)
            for variant in self.variants
            for name in ("matched", "not matched")
        ]


def target(x: np.ndarray) -> np.ndarray:
    """What is to be learnt: sin(x_1 + x_2), for inputs (..., d)."""
    return np.sin(x[..., 0] + x[..., 1])


def initial(stream: np.random.Generator, d: int, n: int) -> np.ndarray:
    """Neurons as columns (a, w_1 .. w_d), uniform: (d + 1, n) float32."""
    deviation = np.r_[1, np.full(d, d**-0.5)][:, None]
    return (3**0.5 * deviation * stream.uniform(-1, 1, (d + 1, n))).astype(np.float32)


def ascent(theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(y - f(x)) grad a_i tanh(w_i . x): -N/2 times the gradient of (y - f(x))^2.

    Parameters
    ----------
    theta
        Networks (M, d + 1, n).
    x, y
        One example for each: (M, d) and (M,).
    """
    a = theta[:, 0]
    hidden = np.tanh((x[:, None] @ theta[:, 1:])[:, 0])
    residual = (y - (a * hidden).mean(1))[:, None]
    direction = np.empty_like(theta)
    np.multiply(residual, hidden, out=direction[:, 0])
    outer = residual * a * (1 - hidden * hidden)
    np.multiply(x[:, :, None], outer[:, None], out=direction[:, 1:])
    return direction


def predict(theta: np.ndarray, x: np.ndarray) -> np.ndarray:
    """f(x) of one network (d + 1, n) for inputs (examples, d)."""
    return np.tanh(x @ theta[1:]) @ theta[0] / theta.shape[1]


def compare(a: np.ndarray, b: np.ndarray, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The three quantities of two networks (d + 1, n), neuron i of one belonging to neuron i of
    the other, on inputs and targets."""
    predictions = [predict((1 - t) * a + t * b, x) for t in PATH]
    losses = [float(np.mean((prediction - y) ** 2)) for prediction in predictions]
    mean = (predictions[0] + predictions[-1]) / 2
    middle = len(PATH) // 2
    return {
        DEVIATION: float(np.mean((predictions[middle] - mean) ** 2)),
        LOSS_GAP: abs(losses[middle] - float(np.mean((mean - y) ** 2))),
        BARRIER: barrier.measure(PATH, losses).barrier,
    }


def _inputs(stream: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return stream.uniform(-(3**0.5), 3**0.5, shape)
