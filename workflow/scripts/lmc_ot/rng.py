"""Random streams that depend on the seed and on what they are for, and on nothing else."""

import hashlib

import numpy as np


def generator(seed: int, *identity: str | int | float) -> np.random.Generator:
    """A generator of its own for every (seed, identity).

    The identity says what the stream is for, e.g. ``("initialisation", 1e-3, 5)`` for network 5
    of a learning rate. It is hashed with SHA-256, so streams of different identities are
    independent, and the same in every process and on every machine.

    Parameters
    ----------
    seed
        The config's seed.
    identity
        Strings, integers and floats (written with their shortest exact representation).
    """
    text = "\x1f".join([repr(int(seed)), *(_written(part) for part in identity)])
    digest = hashlib.sha256(text.encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 32, 4)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def _written(part) -> str:
    if isinstance(part, str):
        return f"s{part}"
    if isinstance(part, bool) or not isinstance(part, (int, float, np.integer, np.floating)):
        raise TypeError(f"a stream's identity is made of str, int and float, not {type(part)}")
    return f"f{float(part)!r}" if isinstance(part, (float, np.floating)) else f"i{int(part)}"
