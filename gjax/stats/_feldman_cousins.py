"""Unified intervals of Feldman and Cousins for counts over a known background."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["feldman_cousins"]

NODES = 400


def _other_end(n: np.ndarray, b: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """Return the number of counts on the other side of the expectation that ranks as high as n.

    The rank of counts k is ``k log(nu / m) - nu + m`` with ``nu = mu + b`` and ``m = max(k, b)``: it rises up to nu and
    falls beyond.
    """
    n, nu = np.broadcast_arrays(n, mu + b)

    def rank(k: np.ndarray) -> np.ndarray:
        best = np.maximum(k, b)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(best > 0, k * np.log(nu / np.where(best > 0, best, 1.0)), 0.0) - nu + best

    target = rank(n)
    upwards = n < nu
    low = np.where(upwards, nu, 0.0)
    high = np.where(upwards, nu + 2 * (nu - n) + 10, nu)
    for _ in range(60):
        short = upwards & (rank(high) > target)
        if not short.any():
            break
        high = np.where(short, 2 * high, high)
    for _ in range(80):
        middle = 0.5 * (low + high)
        above = rank(middle) > target
        inwards = above == upwards
        low, high = np.where(inwards, middle, low), np.where(inwards, high, middle)
        if np.all(high - low <= 1e-12 * (1 + high)):
            break
    # below the smallest rank of all: every count on that side ranks higher
    return np.where(~upwards & (rank(np.zeros_like(n)) > target), -1.0, 0.5 * (low + high))


def _accepts(n: np.ndarray, b: np.ndarray, mu: np.ndarray, level: float) -> np.ndarray:
    """Tell whether signals mu accept n: whether counts that rank higher have less than the level together."""
    from scipy.special import pdtr

    nu = mu + b
    end = _other_end(n, b, mu)
    upwards = n < nu
    # counts that rank strictly higher; ends that are whole numbers rank equal
    first = np.where(upwards, n + 1, np.floor(end + 1e-7) + 1)
    last = np.where(upwards, np.ceil(end - 1e-7) - 1, n - 1)
    below = np.where(first > 0, pdtr(np.maximum(first - 1, 0), nu), 0.0)
    probability = np.where(last >= first, pdtr(np.maximum(last, 0), nu) - below, 0.0)
    return probability < level


def feldman_cousins(n_on: Any, mu_bkg: Any, confidence_level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Unified confidence interval of a signal over a known background.

    Feldman & Cousins 1998, PRD 57, 3873 (arXiv physics/9711021): the signals that accept the counts in the order of
    likelihood ratios. The ends are exact; they are not smoothed along the background as in the paper's tables.

    Parameters
    ----------
    n_on
        Counts (whole numbers).
    mu_bkg
        Expected background counts.
    confidence_level
        Probability, between 0 and 1.

    Returns
    -------
    low, high
        Ends of the interval of the signal.

    Raises
    ------
    ValueError
        If counts are negative or not whole, a background is negative, or the level is not between 0 and 1.

    Examples
    --------
    >>> low, high = feldman_cousins([0, 5, 10], [0.0, 0.0, 3.0])
    >>> low.round(2), high.round(2)
    (array([0.  , 1.84, 2.63]), array([ 2.44,  9.99, 13.5 ]))
    """
    n, b = np.broadcast_arrays(np.asarray(n_on, dtype=float), np.asarray(mu_bkg, dtype=float))
    if not (np.all(n >= 0) and np.all(n == np.rint(n))):
        raise ValueError("n_on: expected whole numbers that are not negative")
    if not np.all(b >= 0):
        raise ValueError("mu_bkg: expected values that are not negative")
    if not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level is {confidence_level}, expected a value between 0 and 1")
    # maps repeat few pairs many times
    pairs, inverse = np.unique(np.stack([n.ravel(), b.ravel()]), axis=1, return_inverse=True)
    low, high = _intervals(pairs[0], pairs[1], confidence_level)
    where = np.ravel(inverse)
    return low[where].reshape(n.shape), high[where].reshape(n.shape)


def _intervals(n: np.ndarray, b: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    from scipy.stats import norm

    sigma = norm.isf((1 - level) / 2) + 1
    top = np.maximum(n - b, 0) + sigma * np.sqrt(n + 1) + sigma**2 + 2
    grid = np.linspace(0.0, 1.0, NODES)[:, np.newaxis] * top
    # the best signal itself is always accepted
    grid = np.sort(np.concatenate([grid, np.maximum(n - b, 0)[np.newaxis]]), axis=0)
    accepted = _accepts(n, b, grid, level)
    columns = np.arange(len(n))
    first = accepted.argmax(axis=0)
    last = len(grid) - 1 - accepted[::-1].argmax(axis=0)
    ends = []
    for inside, outside in ((first, np.maximum(first - 1, 0)), (last, np.minimum(last + 1, len(grid) - 1))):
        good, bad = grid[inside, columns], grid[outside, columns]
        for _ in range(45):
            middle = 0.5 * (good + bad)
            is_in = _accepts(n, b, middle, level)
            good, bad = np.where(is_in, middle, good), np.where(is_in, bad, middle)
        ends.append(good)
    return ends[0], ends[1]
