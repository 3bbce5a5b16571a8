"""Unified intervals of norms from toys of every band, all bands, toys and norms in one batch.

After Feldman & Cousins 1998, PRD 57, 3873 (arXiv physics/9711021): a norm is accepted if the likelihood ratio to the
best norm that is not negative is no larger than in most toys drawn at that norm. An off background is drawn as it fits
best to the data at that norm.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.errors import FitError
from gjax.estimators._lanes import Lanes, lane_statistic
from gjax.likelihood import AbstractBucket, AbstractFluxPointSets, CashSpectra, OnOffSpectra, background_profile

__all__ = ["higher_ranks", "require_spectra", "unified_intervals"]

STEPS = 60
#: Norms that are tested along a band, four times.
POINTS = 12
#: Ratios closer than this are the same: counts are whole numbers, so that many toys are just like the data.
SAME = 2e-3


def require_spectra(buckets: tuple[AbstractBucket, ...]) -> None:
    """Raise `FitError` if there are data that toys cannot be drawn of."""
    for bucket in buckets:
        if not isinstance(bucket, CashSpectra | OnOffSpectra | AbstractFluxPointSets):
            raise FitError("Feldman-Cousins limits need spectra: extract them from the cubes, or use profile limits")


@jax.jit
def _expected(lanes: Lanes, norm: Array) -> tuple[tuple[Array, ...], ...]:
    """Return the expected counts per bucket, and the expected off counts where there are any."""
    found: list[tuple[Array, ...]] = []
    for bucket, signal, rest, lane in zip(lanes.buckets, lanes.signal, lanes.rest, lanes.lane):
        mu = jnp.where(bucket.mask, norm.at[lane].get(mode="fill", fill_value=0.0) * signal + rest, 0.0)
        if isinstance(bucket, CashSpectra):
            found.append((jnp.maximum(jnp.where(bucket.mask, mu + bucket.background, 0.0), 0.0),))
        elif isinstance(bucket, OnOffSpectra):
            known = bucket.mask & (bucket.alpha > 0)
            alpha = jnp.where(known, bucket.alpha, 1.0)
            n_on, n_off = (jnp.where(bucket.mask, n, 0.0) for n in (bucket.counts, bucket.counts_off))
            off = jnp.where(known, jnp.maximum(background_profile(mu, n_on, n_off, alpha), 0.0), 0.0)
            found.append((jnp.maximum(mu + jnp.where(known, alpha * off, 0.0), 0.0), off))
        else:
            found.append(())
    return tuple(found)


def _with_counts(bucket: AbstractBucket, counts: tuple[Array, ...]) -> AbstractBucket:
    if isinstance(bucket, CashSpectra):
        return eqx.tree_at(lambda b: b.counts, bucket, counts[0])
    if isinstance(bucket, OnOffSpectra):
        return eqx.tree_at(lambda b: (b.counts, b.counts_off), bucket, counts)
    return bucket


def _best_statistic(lanes: Lanes, start: Array) -> Array:
    """Return the lowest statistic of every band at norms that are not negative."""

    def slopes(norm: Array) -> tuple[Array, Array]:
        gradient = jax.grad(lambda n: jnp.sum(lane_statistic(lanes, n)))
        return jax.jvp(gradient, (norm,), (jnp.ones_like(norm),))

    def body(state: tuple) -> tuple:
        norm, low, high, steps, _ = state
        slope, curvature = slopes(norm)
        low, high = jnp.where(slope < 0, norm, low), jnp.where(slope >= 0, norm, high)
        newton = norm - slope / jnp.where(curvature > 0, curvature, jnp.nan)
        good = (newton >= low) & (newton <= high) & (newton <= 10 * norm + start)
        far = jnp.where(jnp.isfinite(high), 0.5 * (low + high), 4 * norm + start)
        following = jnp.where(good, newton, far)
        done = (slope * slope < 1e-4 * curvature) | (high - low < 1e-4 * start) | ((norm == 0) & (slope >= 0))
        return jnp.where(done, norm, following), low, high, steps + 1, done

    zero = jnp.zeros_like(start)
    # at first whether the best norm is 0
    state = (zero, zero, zero + jnp.inf, jnp.asarray(0), jnp.zeros(start.shape, bool))
    norm, *_ = jax.lax.while_loop(lambda s: ~jnp.all(s[4]) & (s[3] < STEPS), body, state)
    return lane_statistic(lanes, norm)


@jax.jit
def _higher(lanes: Lanes, toys: tuple[tuple[Array, ...], ...], norm: Array, start: Array) -> Array:
    """Return the part of toys at a norm that rank higher than the data: whose likelihood ratio is smaller."""

    def ratio(here: Lanes) -> Array:
        return lane_statistic(here, norm) - _best_statistic(here, start)

    def toy(counts: tuple[tuple[Array, ...], ...]) -> Array:
        made = tuple(_with_counts(bucket, drawn) for bucket, drawn in zip(lanes.buckets, counts))
        return ratio(eqx.tree_at(lambda tree: tree.buckets, lanes, made))

    # the data are the first of the toys
    ratios = jax.lax.map(toy, toys, batch_size=256)
    return jnp.mean(ratios[1:] < ratios[0] - SAME, axis=0)


def _counts(lanes: Lanes) -> tuple[tuple[np.ndarray, ...], ...]:
    """Return the counts of the data, as `_expected` returns the expected ones."""
    return tuple(tuple(np.asarray(getattr(b, name)) for name in _fields(b)) for b in lanes.buckets)


def _fields(bucket: AbstractBucket) -> tuple[str, ...]:
    return {CashSpectra: ("counts",), OnOffSpectra: ("counts", "counts_off")}.get(type(bucket), ())


def higher_ranks(rng: np.random.Generator, lanes: Lanes, norm: np.ndarray, start: Array, n_toys: int) -> np.ndarray:
    """Return the part of toys drawn at norms that rank higher than the data, shape (bands,).

    An interval of confidence c holds a norm if this is less than c.

    Parameters
    ----------
    rng
        Random numbers.
    lanes
        The bands.
    norm
        Norms, shape (bands,).
    start
        A step in the norm: about an error, shape (bands,).
    n_toys
        Number of toys.
    """
    at = jax.device_put(norm)
    rates = jax.device_get(_expected(lanes, at))
    toys = tuple(
        tuple(np.concatenate([n[np.newaxis], rng.poisson(r, (n_toys, *r.shape)).astype(n.dtype)]) for n, r in pair)
        for pair in (zip(one, other) for one, other in zip(_counts(lanes), rates))
    )
    return np.asarray(_higher(lanes, jax.device_put(toys), at, start))


def unified_intervals(
    key: Array, lanes: Lanes, top: np.ndarray, start: np.ndarray, level: float, n_toys: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper ends of the intervals of all bands.

    Parameters
    ----------
    key
        Random key.
    lanes
        The bands.
    top
        Norms that are certainly above the intervals, shape (bands,).
    start
        A step in the norm: about an error, shape (bands,).
    level
        Confidence level.
    n_toys
        Number of toys per norm.

    Returns
    -------
    low, high
        Shape (bands,); NaN where an interval does not end below ``top``.
    """
    from tqdm import tqdm

    step = jax.device_put(start)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())

    def ends(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        norms = low + np.linspace(0.0, 1.0, POINTS)[:, np.newaxis] * (high - low)
        higher = []
        for norm in norms:
            higher.append(higher_ranks(rng, lanes, norm, step, n_toys))
            bar.update()
        return _ends(norms, np.stack(higher) - level)

    bar = tqdm(total=4 * POINTS, desc="norms", disable=None)
    low, high = ends(0 * top, top)
    # again around each end; twice around the upper one, where counts as whole numbers make it jump
    for part in (1.5, 0.4):
        middle, width = np.nan_to_num(high), part * top / (POINTS - 1)
        _, better = ends(np.maximum(middle - width, 0.0), middle + width)
        high = np.where(np.isfinite(better), better, high)
    width = 1.5 * top / (POINTS - 1)
    better, _ = ends(np.maximum(np.nan_to_num(low) - width, 0.0), np.nan_to_num(low) + width)
    bar.close()
    return np.where((low > 0) & np.isfinite(better), better, low), high


def _ends(norms: np.ndarray, beyond: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where numbers that are negative inside of the intervals change sign, first and last."""
    inside, n, columns = beyond < 0, len(norms), np.arange(norms.shape[1])
    first, last = inside.argmax(axis=0), n - 1 - inside[::-1].argmax(axis=0)

    def crossing(i: np.ndarray, j: np.ndarray) -> np.ndarray:
        a, b, x, y = beyond[i, columns], beyond[j, columns], norms[i, columns], norms[j, columns]
        return x + (y - x) * a / np.where(a == b, 1.0, a - b)

    none = ~inside.any(axis=0)
    low = np.where(first > 0, crossing(first, np.maximum(first - 1, 0)), norms[0])
    high = np.where(last < n - 1, crossing(last, np.minimum(last + 1, n - 1)), np.nan)
    return np.where(none, np.nan, low), np.where(none, np.nan, high)
