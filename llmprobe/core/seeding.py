"""Numbers that depend on a seed and a position alone, so that any part of a run can be drawn again.

A counter hashed by splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
2014): no state, any order, the same on every platform.
"""

_MASK = (1 << 64) - 1


def mix(seed: int, position: int) -> int:
    """64 well-mixed bits for a place in the stream of `seed`."""
    z = (seed * 0xD1342543DE82EF95 + (position + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def unit(seed: int, position: int) -> float:
    """A uniform number in [0, 1) with 53 bits."""
    return (mix(seed, position) >> 11) * 2.0**-53
