"""One norm per energy band, all bands at once.

With all other parameters fixed the prediction is ``norm * signal + rest``, and every bin belongs to at most one
band. So one pass over the bins serves all bands: gather the norms, sum the statistic per band.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gjax.likelihood import AbstractBucket

__all__ = ["Lanes", "crossing", "lane_statistic", "solve_norms"]

#: Norms beyond which nothing is looked for; bands without bins would go on for ever.
FARTHEST = 1e15


class Lanes(eqx.Module):
    """Bands of bins with one norm each.

    Parameters
    ----------
    buckets
        The data.
    signal, rest
        Per bucket, the prediction of the source at norm 1 and of everything else.
    lane
        Per bucket, the band of each bin; the number of bands marks none.
    lowest
        Per band, the norm below which a bin of a cube would have a negative prediction; -inf for spectra, where the
        statistic itself turns such norms back.
    """

    buckets: tuple[AbstractBucket, ...]
    signal: tuple[Array, ...]
    rest: tuple[Array, ...]
    lane: tuple[Array, ...]
    lowest: Array


def lane_statistic(lanes: Lanes, norm: Array) -> Array:
    """Return the statistic of every band, shape (bands,)."""
    total = jnp.zeros_like(norm)
    for bucket, signal, rest, lane in zip(lanes.buckets, lanes.signal, lanes.rest, lanes.lane):
        mu = norm.at[lane].get(mode="fill", fill_value=1.0) * signal + rest
        total = total.at[lane].add(bucket.statistic(mu), mode="drop")
    return total


def _derivatives(lanes: Lanes, norm: Array) -> tuple[Array, Array]:
    # bands are independent, so one gradient and one tangent hold all first and second derivatives
    gradient = jax.grad(lambda n: jnp.sum(lane_statistic(lanes, n)))
    return jax.jvp(gradient, (norm,), (jnp.ones_like(norm),))


def solve_norms(lanes: Lanes, start: Array) -> tuple[Array, Array, Array]:
    """Find the norm of every band where the slope of the statistic changes sign.

    Newton steps inside a bracket; where the statistic has a corner (bands without counts) the bracket closes on it.

    Returns
    -------
    norm, curvature
        The minima, and the second derivatives there (0 at a corner).
    converged
        Which bands have a minimum.
    """
    tiny = 50 * jnp.finfo(start.dtype).eps

    def body(state: tuple) -> tuple:
        norm, low, high, reach, steps, _, _ = state
        slope, curvature = _derivatives(lanes, norm)
        high = jnp.where(slope > 0, norm, high)
        low = jnp.where(slope <= 0, norm, low)
        newton = norm - slope / jnp.where(curvature > 0, curvature, 1.0)
        bracketed = jnp.isfinite(low) & jnp.isfinite(high)
        open_end = norm + jnp.where(slope > 0, -reach, reach)
        fallback = jnp.where(bracketed, 0.5 * (low + high), open_end)
        good = (curvature > 0) & (newton > low) & (newton < high) & (jnp.abs(newton - norm) <= 10 * reach)
        # every third step halves the bracket, so that a corner is reached in any case
        good = good & ~(bracketed & (steps % 3 == 2))
        # a band without bins is flat as well
        flat = slope * slope <= 1e-14 * jnp.maximum(curvature, 0.0)
        closed = (high - low) < tiny * (1 + jnp.abs(norm))
        done = flat | closed
        following = jnp.where(good, newton, fallback)
        return jnp.where(done, norm, following), low, high, 2 * reach, steps + 1, done, jnp.where(flat, curvature, 0.0)

    infinite = jnp.full_like(start, jnp.inf)
    start = jnp.maximum(start, lanes.lowest + 1e-3)
    state = (
        start,
        lanes.lowest,
        infinite,
        jnp.ones_like(start),
        jnp.asarray(0),
        jnp.zeros(start.shape, bool),
        0 * start,
    )
    end = jax.lax.while_loop(lambda s: ~jnp.all(s[5]) & (s[4] < 150), body, state)
    return end[0], end[6], end[5]


def crossing(lanes: Lanes, best: Array, lowest: Array, step: Array, level: Array) -> Array:
    """Return how far each band can move its norm along ``step`` until the statistic has risen by ``level``.

    Parameters
    ----------
    best, lowest
        Norms of the minima and the statistic there.
    step
        First guess of the distance; its sign is the direction.
    level
        The rise.
    """
    target = jnp.sqrt(level)
    sign = jnp.sign(step)

    def body(state: tuple) -> tuple:
        distance, low, high, steps, _ = state
        norm = best + sign * distance
        rise = lane_statistic(lanes, norm) - lowest
        slope = sign * jax.grad(lambda n: jnp.sum(lane_statistic(lanes, n)))(norm)
        root = jnp.sqrt(jnp.maximum(rise, 1e-12))
        low = jnp.where(root < target, distance, low)
        high = jnp.where(root >= target, distance, high)
        newton = distance + (target - root) * 2 * root / jnp.where(slope > 0, slope, jnp.nan)
        fallback = jnp.where(jnp.isfinite(high), 0.5 * (low + high), 4 * distance)
        inside = (newton > low) & (newton < high) & (newton < 10 * distance) & ~(jnp.isfinite(high) & (steps % 3 == 2))
        done = (jnp.abs(root - target) < 1e-6 * target) | ((high - low) < 1e-9 * high) | (distance > FARTHEST)
        return jnp.where(done, distance, jnp.where(inside, newton, fallback)), low, high, steps + 1, done

    zero = jnp.zeros_like(best)
    state = (jnp.abs(step), zero, zero + jnp.inf, jnp.asarray(0), jnp.zeros(best.shape, bool))
    distance, _, _, _, done = jax.lax.while_loop(lambda s: ~jnp.all(s[4]) & (s[3] < 100), body, state)
    found = done & (distance < FARTHEST) & (best + sign * distance >= lanes.lowest)
    return jnp.where(found, distance, jnp.nan)


@jax.jit
def estimate(lanes: Lanes, bands: Array, scan: Array, n_sigma: Array, n_sigma_ul: Array) -> dict[str, Any]:
    """Return norms, errors, limits, test statistics and scans of all bands.

    Parameters
    ----------
    lanes
        The bands.
    bands
        True for bands that hold bins of the data and signal, shape (bands,).
    scan
        Norms of the likelihood scan.
    n_sigma, n_sigma_ul
        Significance of errors and of upper limits.
    """
    ones = jnp.ones(bands.shape, scan.dtype)
    norm, curvature, converged = solve_norms(lanes, ones)
    stat = lane_statistic(lanes, norm)
    null = lane_statistic(lanes, 0 * ones)
    smooth = curvature > 0
    error = jnp.sqrt(2 / jnp.where(smooth, curvature, 2.0))
    guess = jnp.where(smooth, error, 1e-3 * ones)
    reach = jnp.stack([-n_sigma, n_sigma, n_sigma_ul])
    below, above, limit = jax.vmap(lambda n: crossing(lanes, norm, stat, n * guess, n**2))(reach)
    profile = jax.vmap(lambda value: lane_statistic(lanes, value * ones))(scan).T
    values = {
        "norm": norm,
        "norm_err": n_sigma * jnp.where(smooth, error, jnp.nan),
        "norm_errn": below,
        "norm_errp": above,
        "norm_ul": norm + limit,
        "ts": null - stat,
        "stat_null": null,
        "stat": stat,
        "stat_scan": profile,
    }
    good = bands & converged
    return {key: jnp.where(good if v.ndim == 1 else good[:, None], v, jnp.nan) for key, v in values.items()} | {
        "success": good
    }
