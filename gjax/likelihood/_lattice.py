"""How far the score of a parameter is a multiple of one number, as it is where all counts weigh the same."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import jax.numpy as jnp

__all__ = ["lattice"]

#: Harmonics of the characteristic function that are averaged.
HARMONICS = 4


def lattice(counts: Sequence[Any], weights: Sequence[Any], information: Any, xp: ModuleType = jnp) -> Any:
    r"""Return how far a sum of weighted counts takes values of a lattice: 1 if all weigh the same, 0 if spread out.

    The score of a parameter is :math:`\sum_i w_i n_i`, and a limit from counts pays for being whole numbers by up to
    half a count. With the weight :math:`c = \sum\mu_i w_i^3 / \sum\mu_i w_i^2` of the counts that matter, it is the
    mean over the first harmonics of the modulus of its characteristic function (Feller, *Probability Theory* II, XV
    and XVI.4),

    .. math:: \exp\left(-\sum_i \mu_i (1 - \cos 2\pi k w_i/c) - \tfrac12 (2\pi k/c)^2 g\right),

    where g is the information that does not come from counts.

    Parameters
    ----------
    counts, weights
        Expected counts and their weights in the score, one pair of arrays per set of bins.
    information
        Variance of the score, that of priors and fluxes included.
    xp
        ``jax.numpy`` or ``numpy``.

    Examples
    --------
    >>> import numpy as np
    >>> lattice([np.array([2.0, 3.0])], [np.array([0.5, 0.5])], 1.25, np).round(6)
    np.float64(1.0)
    >>> lattice([np.full(30, 0.2)], [np.linspace(0.1, 1, 30)], 2.4, np).round(2)
    np.float64(0.0)
    """
    second = sum(xp.sum(n * w**2) for n, w in zip(counts, weights))
    third = sum(xp.sum(n * w**3) for n, w in zip(counts, weights))
    has_counts = third != 0
    spacing = xp.where(has_counts, third, 1.0) / xp.where(has_counts, second, 1.0)
    smooth = 0.5 * xp.maximum(information - second, 0.0)
    total: Any = 0.0
    turns = [2 * xp.pi / spacing * w for w in weights]
    for k in range(1, HARMONICS + 1):
        spread = sum(xp.sum(n * (1 - xp.cos(k * turn))) for n, turn in zip(counts, turns))
        total = total + xp.exp(-spread - smooth * (2 * xp.pi * k / spacing) ** 2)
    return xp.where(has_counts, total / HARMONICS, 0.0)
