"""Random numbers from tabulated distributions, without loops (pure NumPy)."""

from __future__ import annotations

import numpy as np

__all__ = ["sample_power_law_rows", "sample_power_law_segments", "sample_rows", "segment_integrals"]


def segment_integrals(nodes: np.ndarray, density: np.ndarray) -> np.ndarray:
    """Integrate a density between neighbouring nodes, taking a power law between them.

    Parameters
    ----------
    nodes
        Positive increasing values, shape (n,).
    density
        Density at the nodes, last dimension n; segments that touch a zero have a linear density instead.

    Returns
    -------
    integrals
        Last dimension n - 1.

    Examples
    --------
    >>> segment_integrals(np.array([1.0, 2.0]), np.array([1.0, 0.25]))
    array([0.5])
    """
    nodes, density = np.asarray(nodes, dtype=float), np.asarray(density, dtype=float)
    low, high, first, second = nodes[:-1], nodes[1:], density[..., :-1], density[..., 1:]
    positive = (first > 0) & (second > 0)
    growth = np.log(np.where(positive, second, 1.0) * high) - np.log(np.where(positive, first, 1.0) * low)
    ratio = np.where(np.abs(growth) < 1e-8, 1.0, np.expm1(growth) / np.where(growth == 0, 1.0, growth))
    return np.where(positive, first * low * np.log(high / low) * ratio, 0.5 * (first + second) * (high - low))


def sample_power_law_segments(
    rng: np.random.Generator, nodes: np.ndarray, density: np.ndarray, size: int
) -> np.ndarray:
    """Draw values from a density that is a power law between nodes, by its inverse cumulative distribution.

    Parameters
    ----------
    rng
        Random number generator.
    nodes
        Positive increasing values, shape (n,).
    density
        Density at the nodes, shape (n,), not normalised.
    size
        How many.

    Raises
    ------
    ValueError
        If values are asked from a density that is zero everywhere, negative or not finite.

    Examples
    --------
    >>> x = sample_power_law_segments(np.random.default_rng(0), np.array([1.0, 10.0]), np.array([1.0, 0.01]), 4)
    >>> bool(x.min() > 1) and bool(x.max() < 10)
    True
    """
    return sample_power_law_rows(rng, nodes, np.asarray(density, dtype=float)[np.newaxis], np.zeros(size, int))


def sample_power_law_rows(
    rng: np.random.Generator, nodes: np.ndarray, density: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Draw one value for each entry of ``rows``, from densities that are power laws between nodes.

    Parameters
    ----------
    rng
        Random number generator.
    nodes
        Positive increasing values, shape (n,).
    density
        Densities at the nodes, shape (m, n), not normalised.
    rows
        Which of the densities, for each value to draw, shape (k,).

    Raises
    ------
    ValueError
        If values are asked from a density that is zero everywhere, negative or not finite.

    Examples
    --------
    >>> flat = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    >>> x = sample_power_law_rows(np.random.default_rng(0), np.array([1.0, 2.0, 3.0]), flat, np.array([0, 1]))
    >>> bool(1 < x[0] < 3)
    True
    """
    nodes, density = np.asarray(nodes, dtype=float), np.asarray(density, dtype=float)
    rows = np.asarray(rows, dtype=int)
    if rows.size == 0:
        return np.empty(0)
    weights = segment_integrals(nodes, density)
    used = np.zeros(len(density), bool)
    used[rows] = True
    if not np.all(np.isfinite(weights[used])) or np.any(density[used] < 0) or np.any(weights[used].sum(axis=1) <= 0):
        raise ValueError("the density to sample from must be finite, not negative, and not zero everywhere")
    cumulative = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights, axis=1)], axis=1)
    end = np.where(used, cumulative[:, -1], 1.0)
    # row i occupies [2i, 2i + 1] of one long increasing array, so that one search serves all rows
    flat = (np.where(used[:, None], cumulative / end[:, None], 0.0) + 2.0 * np.arange(len(end))[:, None]).ravel()
    target = rng.random(rows.size)
    width = cumulative.shape[1]
    index = np.clip(np.searchsorted(flat, target + 2.0 * rows, side="right") - rows * width - 1, 0, width - 2)
    weight = weights[rows, index]
    # A target on the border of an empty segment belongs to the next one that is not empty.
    into = target * end[rows] - cumulative[rows, index]
    fraction = np.clip(into / np.where(weight > 0, weight, 1.0), 0.0, 1.0)
    low, high, first, second = nodes[index], nodes[index + 1], density[rows, index], density[rows, index + 1]
    positive = (first > 0) & (second > 0)
    growth = np.log(np.where(positive, second, 1.0) * high) - np.log(np.where(positive, first, 1.0) * low)
    safe = np.where(np.abs(growth) < 1e-8, 1.0, growth)
    power = np.where(np.abs(growth) < 1e-8, fraction, np.log1p(fraction * np.expm1(safe)) / safe)
    root = np.sqrt(np.maximum((1 - fraction) * first**2 + fraction * second**2, 0.0))
    linear = np.where(
        first + root > 0, fraction * (first + second) / np.where(first + root > 0, first + root, 1.0), 0.0
    )
    return np.where(positive, low * np.exp(power * np.log(high / low)), low + np.clip(linear, 0, 1) * (high - low))


def sample_rows(rng: np.random.Generator, nodes: np.ndarray, cumulative: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Draw one value from a row of tabulated cumulative distributions for each entry of ``rows``.

    Parameters
    ----------
    rng
        Random number generator.
    nodes
        Increasing values, shape (n,).
    cumulative
        Cumulative distributions at the nodes, shape (m, n), from 0 to any positive end.
    rows
        Row for each value to draw, shape (k,).

    Raises
    ------
    ValueError
        If a row that is asked for is empty.

    Examples
    --------
    >>> cdf = np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    >>> x = sample_rows(np.random.default_rng(0), np.array([0.0, 1.0, 2.0]), cdf, np.array([0, 1]))
    >>> bool(x[0] < 1 < x[1])
    True
    """
    rows = np.asarray(rows)
    if rows.size == 0:
        return np.empty(0)
    end = cumulative[:, -1:]
    used = np.unique(rows)
    if np.any(end[used, 0] <= 0) or not np.all(np.isfinite(end[used, 0])):
        raise ValueError("a distribution to sample from is empty")
    normed = np.where(end > 0, cumulative / np.where(end > 0, end, 1.0), np.linspace(0, 1, cumulative.shape[1]))
    # Row i occupies [2i, 2i + 1] of one long increasing array, so that one search serves all rows.
    flat = (normed + 2.0 * np.arange(len(normed))[:, None]).ravel()
    target = rng.random(rows.size) + 2.0 * rows
    upper = np.searchsorted(flat, target, side="right")
    width = normed.shape[1]
    position = np.clip(upper - rows * width, 1, width - 1)
    low, high = normed[rows, position - 1], normed[rows, position]
    fraction = np.clip((target - 2.0 * rows - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    return nodes[position - 1] + fraction * (nodes[position] - nodes[position - 1])
