"""Random draws that depend on what is drawn for, never on the order of drawing.

A shared generator would give every check another fate as soon as one check more was run.
Here each draw is a hash of (seed, who, when, which): SplitMix64 (Steele, Lea, Flood 2014),
the generator behind Java's SplittableRandom.
"""

from __future__ import annotations

import hashlib
from typing import Final

_MASK: Final = (1 << 64) - 1
_GAMMA: Final = 0x9E3779B97F4A7C15
_UNIT: Final = 2.0**-53


def key_of(*parts: object) -> int:
    """A 64-bit key of texts and numbers, the same in every process."""
    text = "\0".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def bits(key: int, counter: int) -> int:
    """64 bits of stream ``key`` at ``counter``."""
    z = (key + counter * _GAMMA) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def unit(key: int, counter: int) -> float:
    """A number in [0, 1) of stream ``key`` at ``counter``."""
    return (bits(key, counter) >> 11) * _UNIT


def between(key: int, low: float, high: float) -> float:
    """A fixed number of [low, high) for ``key``."""
    return low + (high - low) * unit(key, 1)
