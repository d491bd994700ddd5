"""Experiment `mean_field`: wide two-layer networks in the mean-field regime are linearly connected
(paper, Theorem 3.1 and Corollary 3.2)."""

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
BLOCK = 256  # number of steps whose examples are drawn at once, which does not affect results


class MeanField:
    """Midpoints of pairs of networks f(x) = (1/N) sum_i a_i tanh(w_i . x), by the number N.

    Pairs are evaluated with and without matching. Both networks of a pair have the same initial
    distribution and SGD time, but independent initial values, examples and noise. As required by
    Appendix C.4, everything is bounded: x, a and the entries of w are uniform with mean 0 and
    variance 1, 1 and 1/d, and the target is sin(x_1 + x_2).

    SGD is that of the paper, with one new example per step. With theta_i = (a_i, w_i) in R^D,
    D = d + 1, and step size s,

        theta_i <- (1 - 2 lambda s) theta_i + 2 s (y - f(x)) grad_theta a_i tanh(w_i . x)
                   + sqrt(2 s tau / D) g_i,   g_i standard normal.

    Without noise this descends the gradient of (y - f)^2 + (lambda / N) sum_i |theta_i|^2, times
    N. The variant "noiseless" has lambda = tau = 0 and is otherwise equal to "noisy".

    The theorem requires a step size s below a bound that depends on N: the error in Lemma C.1 has
    a term that decreases only with s, since both networks see different examples. Therefore s N is
    fixed, and s decreases as 1/N.

    Neurons are matched by exact assignment on |theta_i - theta'_j|^2, the permutation of the
    theorem. Let m(t) be the network with parameters (1 - t) A + t B, f_mean the mean of the
    predictions of A and B, and L the mean squared error. On a sample of 2,000 examples:

    - squared deviation: E |m(1/2) - f_mean|^2, as in Theorem 3.1 at t = 1/2.
    - loss gap: |L(m(1/2)) - L(f_mean)|, which the proof of the corollary bounds. By convexity, the
      barrier at t = 1/2 is at most this gap.
    - loss barrier: max over nine t of L(m(t)) - (1 - t) L(A) - t L(B), as in Corollary 3.2. It is
      at least 0, and often 0, since averaging predictions improves them. No slope is fitted.

    For matched pairs, all three are predicted to converge to 0. The paper's bound decreases with N
    by an exponent that depends on D, but is not known to be sharp, so no slope is predicted. For
    close matched neurons, m(1/2) - f_mean is of second order in their distance. This suggests
    (beyond the paper) that the deviation scales as W_2^4, at best as N^(-4/D) for D > 4.
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
        """Train all networks of one size, independently of each other.

        Returns float32 (2 repetitions, d + 1, n), with A and B of each repetition in turn.
        """
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
        """See `experiment.Experiment`. The barrier may be 0, so it has no prediction."""
        return [
            Prediction(quantity, f"{variant}, {name}", None)
            for quantity in (DEVIATION, LOSS_GAP)
            for variant in self.variants
            for name in ("matched", "not matched")
        ]


def target(x: np.ndarray) -> np.ndarray:
    """Return the target function sin(x_1 + x_2) for inputs (..., d)."""
    return np.sin(x[..., 0] + x[..., 1])


def initial(stream: np.random.Generator, d: int, n: int) -> np.ndarray:
    """Draw n neurons as columns (a, w_1 .. w_d), uniform, float32 (d + 1, n)."""
    deviation = np.r_[1, np.full(d, d**-0.5)][:, None]
    return (3**0.5 * deviation * stream.uniform(-1, 1, (d + 1, n))).astype(np.float32)


def ascent(theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return (y - f(x)) grad a_i tanh(w_i . x), which is -N/2 times the gradient of (y - f(x))^2.

    Parameters
    ----------
    theta
        M networks, (M, d + 1, n).
    x, y
        One example per network, (M, d) and (M,).
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
    """Return f(x) of one network (d + 1, n) for inputs (examples, d)."""
    return np.tanh(x @ theta[1:]) @ theta[0] / theta.shape[1]


def compare(a: np.ndarray, b: np.ndarray, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Measure the three quantities for two networks (d + 1, n) whose neurons correspond by index.

    Parameters
    ----------
    a, b
        The two networks.
    x, y
        Inputs (examples, d) and targets (examples,).
    """
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
