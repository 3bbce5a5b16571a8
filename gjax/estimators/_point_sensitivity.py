"""The norm of a source that would just be significant, per band, from average data."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gjax.estimators._lanes import Lanes
from gjax.freeze import Likelihood, cube_backgrounds, cube_signals
from gjax.likelihood import AbstractCubes, AbstractFluxPointSets, CashSpectra
from gjax.stats import get_wstat_mu_bkg
from gjax.stats._fit_statistics import poisson_deviance

__all__ = ["CubeBins", "cube_bins", "sensitivity_norms"]


@dataclasses.dataclass(frozen=True)
class CubeBins:
    """Predictions in every bin of a cube, shape (energy, pixels).

    Parameters
    ----------
    signal
        The source at norm 1.
    rest
        All other sources.
    background
        The known background; nothing where it is measured.
    """

    signal: np.ndarray
    rest: np.ndarray
    background: np.ndarray


def cube_bins(likelihood: Likelihood, source: str) -> dict[int, CubeBins]:
    """Return the predictions of all cubes, by position."""
    cubes = likelihood.frozen.cubes
    if not cubes:
        return {}
    own, total = cube_signals(likelihood, source), cube_signals(likelihood, None)
    known = cube_backgrounds(likelihood) if any(_measured(cube) is None for cube in cubes.values()) else {}
    out = {}
    for i, cube in cubes.items():
        signal, rest = (values.reshape(cube.mask.shape) for values in (own[i], total[i] - own[i]))
        background = known[i].reshape(cube.mask.shape) if _measured(cube) is None else np.zeros(cube.mask.shape)
        out[i] = CubeBins(signal, rest, background)
    return out


def _measured(cube: Any) -> tuple[np.ndarray, np.ndarray] | None:
    return None if cube.alpha is None or cube.counts_off is None else (cube.counts_off, cube.alpha)


@dataclasses.dataclass(frozen=True)
class _Bins:
    """Bins where the source is seen: the background is known where ``alpha`` is 0, else it comes from off counts."""

    lane: np.ndarray
    signal: np.ndarray
    rest: np.ndarray
    background: np.ndarray
    alpha: np.ndarray

    @classmethod
    def of(
        cls,
        used: np.ndarray,
        lane: np.ndarray,
        signal: np.ndarray,
        rest: np.ndarray,
        norm: np.ndarray,
        *,
        known: np.ndarray | None = None,
        on_off: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
    ) -> _Bins:
        """Take the bins that are used; off counts say what the background is at the best norms."""
        lane, signal, rest = (np.broadcast_to(a, used.shape)[used] for a in (lane, signal, rest))
        if on_off is None:
            return cls(lane, signal, rest + np.broadcast_to(known, used.shape)[used], 0 * rest, 0 * rest)  # type: ignore[arg-type]
        counts, off, alpha = (np.asarray(a, dtype=float)[used] for a in on_off)
        has_off = alpha > 0
        best = np.maximum(norm[lane], 0.0) * signal + rest
        fitted = get_wstat_mu_bkg(counts, off, np.where(has_off, alpha, 1.0), best)
        return cls(lane, signal, rest, np.where(has_off, np.nan_to_num(fitted), 0.0), np.where(has_off, alpha, 0.0))


def _collect(
    likelihood: Likelihood, lanes: Lanes, cubes: dict[int, CubeBins], norm: np.ndarray, bands: dict[int, np.ndarray]
) -> _Bins:
    total = len(norm)
    norm = np.append(np.nan_to_num(norm), 0.0)
    parts = []
    for bucket, signal, rest, lane, members in zip(
        lanes.buckets, lanes.signal, lanes.rest, lanes.lane, likelihood.frozen.members
    ):
        if isinstance(bucket, AbstractFluxPointSets):
            continue
        if isinstance(bucket, AbstractCubes):
            for i in members:
                cube, bins = likelihood.frozen.cubes[i], cubes[i]
                of_bins = bands[i][:, np.newaxis]
                used = cube.mask & (bins.signal > 0) & (of_bins < total)
                measured = _measured(cube)
                data = {"known": bins.background} if measured is None else {"on_off": (cube.counts, *measured)}
                parts.append(_Bins.of(used, of_bins, bins.signal, bins.rest, norm, **data))  # type: ignore[arg-type]
            continue
        of_bins, own, others = (np.asarray(a) for a in (lane, signal, rest))
        used = np.asarray(bucket.mask) & (own > 0) & (of_bins < total)
        if isinstance(bucket, CashSpectra):
            parts.append(_Bins.of(used, of_bins, own, others, norm, known=np.asarray(bucket.background)))
        else:
            counts = tuple(np.asarray(getattr(bucket, name)) for name in ("counts", "counts_off", "alpha"))
            parts.append(_Bins.of(used, of_bins, own, others, norm, on_off=counts))  # type: ignore[arg-type]
    return _Bins(*(np.concatenate(arrays) for arrays in zip(*(dataclasses.astuple(part) for part in parts))))


def _expected_ts(bins: _Bins, norm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the TS that a source would have on average data, and its derivative by the norm, per band."""
    added = norm[bins.lane] * bins.signal
    counts = added + bins.rest + bins.alpha * bins.background
    measured = bins.alpha > 0
    null, off = bins.rest, np.zeros(len(counts))
    if measured.any():
        b = get_wstat_mu_bkg(counts, bins.background, np.where(measured, bins.alpha, 1.0), bins.rest)
        b = np.where(measured, b, 0.0)
        null, off = bins.rest + bins.alpha * b, poisson_deviance(bins.background, b)
    # known backgrounds of 0 are not there: every count would be a discovery
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.where(null > 0, np.log1p((counts - null) / null), 0.0)
    ts = np.where(null > 0, 2 * (counts * log - (counts - null)) + off, 0.0)
    sums = (np.bincount(bins.lane, weights=values, minlength=len(norm)) for values in (ts, 2 * bins.signal * log))
    return next(sums), next(sums)


def sensitivity_norms(
    likelihood: Likelihood,
    lanes: Lanes,
    cubes: dict[int, CubeBins],
    norm: np.ndarray,
    bands: dict[int, np.ndarray],
    n_sigma: float,
) -> np.ndarray:
    r"""Return the norms at which average data have a TS of ``n_sigma**2``; NaN where no norm has.

    Average data are those that the models predict, with the source at the norm in question: half of all measurements
    of such a source are more significant (Cowan et al. 2011, arXiv 1007.1727). A measured background is the one that
    fits best at the best norm. All bins of a band count, the parameters of other models are held.

    Parameters
    ----------
    likelihood, lanes
        The likelihood, and its bands.
    cubes
        Predictions of its cubes.
    norm
        Best norms of the bands.
    bands
        Band of every energy bin of the datasets, by position; the number of bands stands for none.
    n_sigma
        Significance.
    """
    size = len(norm)
    bins = _collect(likelihood, lanes, cubes, norm, bands)
    total = np.bincount(bins.lane, weights=bins.signal, minlength=size)
    # at first a source whose counts alone would be that significant
    found = n_sigma**2 / np.where(total > 0, 2 * total, 1.0)
    done = total <= 0
    for _ in range(60):
        ts, slope = _expected_ts(bins, found)
        root, good = np.sqrt(np.maximum(ts, 0.0)), slope > 0
        # the root of the TS is a concave function of the norm, so that steps upwards do not go too far
        step = np.where(good, (n_sigma - root) * 2 * root / np.where(good, slope, 1.0), 0.0)
        found = np.where(done, found, np.maximum(found + step, found / 4))
        done = done | ~good | (np.abs(step) <= 1e-7 * found)
        if done.all():
            break
    is_reached = (total > 0) & (np.abs(root - n_sigma) < 1e-3 * n_sigma)
    return np.where(is_reached, found, np.nan)
