"""Independent random streams, each derived from the config's seed and a purpose label alone."""

import hashlib

import numpy as np


def generator(seed: int, *identity: str | int | float) -> np.random.Generator:
    """Return the random generator of a seed and an identity.

    The identity is a purpose label such as ``("initialisation", 1e-3, 5)``, for network 5 at
    learning rate 1e-3. Seed and identity are hashed with SHA-256: streams of different identities
    are independent, and a stream is the same in every process and on every machine.

    Parameters
    ----------
    seed
        The config's seed.
    identity
        Strings, integers and floats. Floats are hashed by their shortest exact representation.

    Returns
    -------
    numpy.random.Generator
        A PCG64 generator.
    """
    text = "\x1f".join([repr(int(seed)), *(_written(part) for part in identity)])
    digest = hashlib.sha256(text.encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 32, 4)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def _written(part) -> str:
    if isinstance(part, str):
        return f"s{part}"
    if isinstance(part, bool) or not isinstance(part, (int, float, np.integer, np.floating)):
        raise TypeError(f"expected str, int or float in a stream's identity, not {type(part)}")
    return f"f{float(part)!r}" if isinstance(part, (float, np.floating)) else f"i{int(part)}"
