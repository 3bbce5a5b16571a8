"""Norms of test sources at many positions at once, from cells of occupied bins (see `_ts_cells`)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["by_cell", "evaluate", "rise_of", "solve_limits", "solve_norms"]

MAX_STEPS = 60


def _at(values: Array, position: Array, like: Array) -> Array:
    return values.at[position].get(mode="fill", fill_value=0.0).astype(like.dtype)


def _collect(rows: Array, position: Array, like: Array) -> Array:
    # cells are in single precision; what adds up many of them is not
    zeros = jnp.zeros_like(like)
    return zeros.at[position].add(rows.astype(like.dtype), mode="drop", indices_are_sorted=True)


def _over_cells(term: Callable[[Array, Array], tuple[Array, ...]], ratio: Array, counts: Array) -> tuple[Array, ...]:
    """Return the sums of terms over the cells of every row.

    All rows take a step together, cell after cell: on processors three times as fast as a sum along rows.

    Parameters
    ----------
    term
        Takes ratios and counts of one cell of every row.
    ratio, counts
        Shape (cells, rows).
    """

    def add(cell: Array, sums: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(total + new for total, new in zip(sums, term(ratio[cell], counts[cell])))

    first = term(ratio[0], counts[0])
    return jax.lax.fori_loop(1, ratio.shape[0], add, first)


@jax.jit
def by_cell(cells: Array) -> tuple[Array, Array]:
    """Return ratios and counts with the cells of a row first, shape (CELLS, rows)."""
    return cells[..., 0].T, cells[..., 1].T


@jax.jit
def solve_norms(ratio: Array, counts: Array, position: Array, total: Array) -> tuple[Array, Array, Array]:
    r"""Find the norm of every position where :math:`\sum_i n_i / (x + r_i) = K`.

    The sum g falls with x and 1/g is concave, so Newton steps on 1/g, from a place below the root, approach it from
    below and need no bracket. Such a place is the largest of the roots of the single terms and of
    :math:`N^2 / \sum_i n_i (x + r_i) = K`.

    Parameters
    ----------
    ratio, counts, position
        Cells.
    total
        Total of the source at norm 1, shape (positions,).

    Returns
    -------
    norm
        Best norms; -inf where no count is in reach.
    seen
        Number of counts in reach.
    converged
        Whether the last step was small.
    """
    safe = jnp.where(total > 0, total, 1.0)
    scale = _at(1 / safe, position, ratio)

    def lows(cell: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        n, r = counts[cell], ratio[cell]
        largest, number, weighted = state
        # unused cells are infinitely far
        return jnp.maximum(largest, n * scale - r), number + n, weighted + jnp.where(n > 0, n * r, 0.0)

    zero = jnp.zeros_like(scale)
    single, number, weighted = jax.lax.fori_loop(0, ratio.shape[0], lows, (zero - jnp.inf, zero, zero))
    largest = jnp.full_like(total, -jnp.inf).at[position].max(single.astype(total.dtype), mode="drop")
    seen, mean = _collect(number, position, total), _collect(weighted, position, total)
    start = jnp.where(seen > 0, jnp.maximum(largest, seen / safe - mean / jnp.where(seen > 0, seen, 1.0)), 0.0)

    def body(state: tuple) -> tuple:
        x, _, steps, _ = state
        here = _at(x, position, ratio)

        def moments(r: Array, n: Array) -> tuple[Array, Array]:
            inverse = 1 / (here + r)
            return n * inverse, n * inverse * inverse

        g, g2 = (_collect(rows, position, total) for rows in _over_cells(moments, ratio, counts))
        step = jnp.where((seen > 0) & (g2 > 0), g * (g / safe - 1) / jnp.where(g2 > 0, g2, 1.0), 0.0)
        done = step * step * g2 < 1e-6
        return x + step, g2, steps + 1, done

    state = (start, 0 * start, jnp.asarray(0), jnp.zeros(total.shape, bool))
    x, _, _, done = jax.lax.while_loop(lambda s: ~jnp.all(s[3]) & (s[2] < MAX_STEPS), body, state)
    return jnp.where(seen > 0, x, -jnp.inf), seen, done


@jax.jit
def evaluate(ratio: Array, counts: Array, position: Array, total: Array, norm: Array) -> tuple[Array, Array]:
    """Return how much the statistic falls from norm 0 to a norm, and half of its second derivative there.

    Parameters
    ----------
    ratio, counts, position, total
        See `solve_norms`.
    norm
        Norms, shape (positions,).
    """
    here = _at(norm, position, ratio)

    def terms(r: Array, n: Array) -> tuple[Array, Array]:
        inverse = 1 / (here + r)
        return n * jnp.log1p(here / r), n * inverse * inverse

    log_sum, information = (_collect(rows, position, total) for rows in _over_cells(terms, ratio, counts))
    return 2 * (log_sum - norm * total), information


@jax.jit
def rise_of(ratio: Array, counts: Array, position: Array, total: Array, norms: Array) -> Array:
    """Return the statistic at norms (k, positions) less that at norm 0."""

    def one(x: Array) -> Array:
        here = _at(x, position, ratio)
        (rows,) = _over_cells(lambda r, n: (n * jnp.log1p(jnp.maximum(here / r, -1.0)),), ratio, counts)
        return 2 * (x * total - _collect(rows, position, total))

    return jax.lax.map(one, norms)


@jax.jit
def solve_limits(
    ratio: Array,
    counts: Array,
    position: Array,
    total: Array,
    best: Array,
    information: Array,
    lowest: Array,
    level: Array,
) -> Array:
    """Return how far every norm can move until the statistic has risen by ``level**2``.

    Parameters
    ----------
    ratio, counts, position, total
        See `solve_norms`.
    best, information
        Its results.
    lowest
        Norm that downward errors may not pass; they are NaN where they would.
    level
        Square root of the rise; its sign is the direction.
    """
    sign, target = jnp.sign(level), jnp.abs(level)
    shifted = ratio + _at(best, position, ratio)
    usable = (total > 0) & jnp.isfinite(best)

    def rise(distance: Array) -> tuple[Array, Array]:
        move = sign * distance
        here = _at(move, position, ratio)

        def terms(r: Array, n: Array) -> tuple[Array, Array]:
            # at the bound, where a bin with counts would be predicted empty, the statistic is infinite
            return n * jnp.log1p(jnp.maximum(here / r, -1.0)), n / (here + r)

        log_sum, slope = (_collect(rows, position, total) for rows in _over_cells(terms, shifted, counts))
        return 2 * (move * total - log_sum), 2 * sign * (total - slope)

    room = jnp.where(sign < 0, best - lowest, jnp.inf)
    guess = jnp.where(information > 0, target / jnp.sqrt(jnp.where(information > 0, information, 1.0)), jnp.inf)
    # without counts the statistic is a line; at a bound it rises more steeply than a parabola
    line = target**2 / (2 * jnp.where(usable, total, 1.0))
    start = jnp.minimum(jnp.where(jnp.isfinite(guess), guess + line / 3, line), room)

    def body(state: tuple) -> tuple:
        distance, low, high, steps, _ = state
        value, slope = rise(distance)
        root = jnp.sqrt(jnp.maximum(value, 0.0))
        is_low = value < target**2
        low, high = jnp.where(is_low, distance, low), jnp.where(is_low, high, distance)
        newton = distance + (target - root) * 2 * root / jnp.where(slope > 0, slope, jnp.nan)
        middle = jnp.where(jnp.isfinite(high), 0.5 * (low + high), 2 * distance)
        good = (newton > low) & (newton < high) & (newton < 10 * distance)
        new = jnp.where(good & ~(jnp.isfinite(high) & (steps % 4 == 3)), newton, middle)
        done = (jnp.abs(root - target) < 1e-5 * target) | (high - low < 1e-7 * high) | ~usable
        done = done | (is_low & (distance >= room))
        return jnp.where(done, distance, jnp.minimum(new, room)), low, high, steps + 1, done

    zero = jnp.zeros_like(best)
    state = (jnp.where(usable, start, 0.0), zero, zero + jnp.inf, jnp.asarray(0), jnp.zeros(total.shape, bool))
    distance, low, _, _, done = jax.lax.while_loop(lambda s: ~jnp.all(s[4]) & (s[3] < MAX_STEPS), body, state)
    reached = done & usable & ~((low >= room) & (sign < 0))
    return jnp.where(reached, distance, jnp.nan)
