"""Measures of variability of measured fluxes, as plain numpy functions.

Points with a flux or an error that is not finite do not count.
"""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np

__all__ = [
    "compute_chisq",
    "compute_flux_doubling",
    "compute_fpp",
    "compute_fvar",
    "discrete_correlation",
    "structure_function",
]


def _prepared(flux: Any, flux_err: Any, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return fluxes and errors in one unit with time first (0 where they do not count), and which count."""
    unit = getattr(flux, "unit", None)
    if unit is not None:
        flux_err = u.Quantity(flux_err, getattr(flux_err, "unit", unit)).to_value(unit)
        flux = flux.value
    values, errors = np.asarray(flux, dtype=float), np.asarray(flux_err, dtype=float)
    if values.shape != errors.shape:
        raise ValueError(f"fluxes of shape {values.shape} have errors of shape {errors.shape}")
    values, errors = np.moveaxis(values, axis, 0), np.moveaxis(errors, axis, 0)
    good = np.isfinite(values) & np.isfinite(errors)
    return np.where(good, values, 0.0), np.where(good, errors, 0.0), good


def _relative_spread(
    variance: np.ndarray, mean: np.ndarray, noise: np.ndarray, number: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the root of an excess variance over the mean, with the sign of the excess, and its error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = variance - noise
        spread = np.sign(excess) * np.sqrt(np.abs(excess)) / mean
        own = np.sqrt(2 / number) * noise / mean**2
        mixed = np.sqrt(noise / number) * 2 * spread / mean
        return spread, np.abs(np.hypot(own, mixed) / (2 * spread))


def compute_fvar(flux: Any, flux_err: Any, axis: int = 0) -> tuple[np.ndarray, np.ndarray]:
    r"""Fractional excess variance and its error (Vaughan et al. 2003, MNRAS 345, 1271, equations 10 and B2).

    .. math:: F_{var} = \sqrt{S^2 - \overline{\sigma^2}} / \bar x

    Parameters
    ----------
    flux, flux_err
        Fluxes and their symmetric errors.
    axis
        Axis of time.

    Returns
    -------
    fvar, fvar_err
        Negative where fluxes scatter less than their errors say: the root of the deficit. (Gammapy has no sign there.)
        NaN for less than two points.

    Examples
    --------
    >>> fvar, error = compute_fvar([1.0, 2.0, 3.0, 2.0], [0.1, 0.1, 0.1, 0.1])
    >>> print(round(float(fvar), 4), round(float(error), 4))
    0.4052 0.0251
    """
    values, errors, good = _prepared(flux, flux_err, axis)
    number = good.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = values.sum(axis=0) / number
        variance = np.where(good, (values - mean) ** 2, 0.0).sum(axis=0) / (number - 1)
        noise = (errors**2).sum(axis=0) / number
    return _relative_spread(variance, mean, noise, number)


def compute_fpp(flux: Any, flux_err: Any, axis: int = 0) -> tuple[np.ndarray, np.ndarray]:
    r"""Point-to-point excess variance and its error (Edelson et al. 2002, ApJ 568, 610, equation 3).

    .. math:: F_{pp} = \sqrt{\frac{1}{2 (N - 1)} \sum (x_{i+1} - x_i)^2 - \overline{\sigma^2}} / \bar x

    White noise gives the same number as `compute_fvar`, red noise a smaller one. (Gammapy 2.1 leaves out the factor
    1/2.)

    Parameters
    ----------
    flux, flux_err
        Fluxes and their symmetric errors.
    axis
        Axis of time.

    Returns
    -------
    fpp, fpp_err
        With a sign as in `compute_fvar`; NaN where no two neighbours are measured.

    Examples
    --------
    >>> fpp, error = compute_fpp([1.0, 2.0, 3.0, 2.0], [0.1, 0.1, 0.1, 0.1])
    >>> print(round(float(fpp), 4))
    0.35
    """
    values, errors, good = _prepared(flux, flux_err, axis)
    number, pairs = good.sum(axis=0), good[1:] & good[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = values.sum(axis=0) / number
        steps = np.where(pairs, (values[1:] - values[:-1]) ** 2, 0.0).sum(axis=0)
        noise = (errors**2).sum(axis=0) / number
        return _relative_spread(steps / (2 * pairs.sum(axis=0)), mean, noise, number)


def compute_chisq(flux: Any, flux_err: Any, axis: int = 0) -> dict[str, np.ndarray]:
    """Fit a constant to fluxes.

    Parameters
    ----------
    flux, flux_err
        Fluxes and their symmetric errors; points without a positive error do not count.
    axis
        Axis of time.

    Returns
    -------
    fit
        "mean" (weighted) and "mean_err" in the unit of the fluxes, "chi2", "ndf", and the probability "p_value" of so
        large a value if the source is constant. (Gammapy 2.1 compares fluxes with their mean without errors.)

    Examples
    --------
    >>> fit = compute_chisq([1.0, 2.0, 3.0], [1.0, 1.0, 1.0])
    >>> float(fit["mean"]), float(fit["chi2"]), int(fit["ndf"]), round(float(fit["p_value"]), 3)
    (2.0, 2.0, 2, 0.368)
    """
    from scipy.stats import chi2

    values, errors, good = _prepared(flux, flux_err, axis)
    good = good & (errors > 0)
    weight = np.where(good, 1 / np.where(good, errors, 1.0) ** 2, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (weight * values).sum(axis=0) / weight.sum(axis=0)
        spread = 1 / np.sqrt(weight.sum(axis=0))
    statistic = (weight * (values - mean) ** 2).sum(axis=0)
    ndf = good.sum(axis=0) - 1
    unit = getattr(flux, "unit", 1.0)
    found = {"mean": mean * unit, "mean_err": spread * unit, "chi2": np.where(ndf < 0, np.nan, statistic), "ndf": ndf}
    return {**found, "p_value": np.where(ndf < 1, np.nan, chi2.sf(statistic, np.maximum(ndf, 1)))}


def compute_flux_doubling(flux: Any, flux_err: Any, coords: Any, axis: int = 0) -> dict[str, Any]:
    r"""Shortest times in which a flux doubles and halves, between neighbouring points.

    .. math:: T = \min \frac{t_{i+1} - t_i}{\log_2 (f_{i+1} / f_i)}

    (Brown 2013, MNRAS 431, 824.)

    Parameters
    ----------
    flux, flux_err
        Fluxes and their symmetric errors; what is not positive does not count.
    coords
        Times (Time or Quantity), in increasing order.
    axis
        Axis of time.

    Returns
    -------
    times
        "doubling", "doubling_err", "halving" and "halving_err" (Quantity), "doubling_coord" and "halving_coord": the
        times of the points where these begin. NaN where the flux never rises, or falls; the coordinate is then the
        first.

    Examples
    --------
    >>> found = compute_flux_doubling([1.0, 4.0, 2.0], [0.1, 0.1, 0.1], [0, 1, 3] * u.d)
    >>> found["doubling"], found["halving"], found["halving_coord"]
    (<Quantity 0.5 d>, <Quantity 2. d>, <Quantity 1. d>)
    """
    values, errors, good = _prepared(flux, flux_err, axis)
    seconds = coords - coords[0]
    unit = getattr(seconds, "unit", u.d)
    steps = np.diff(np.asarray(seconds.to_value(unit), dtype=float)).reshape(-1, *[1] * (values.ndim - 1))
    good = good & (values > 0)
    pairs = good[1:] & good[:-1]
    safe = np.where(good, values, 1.0)
    ratio = np.where(pairs, np.log(safe[1:] / safe[:-1]), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        times = steps * np.log(2) / ratio
        relative = np.hypot(errors[1:] / safe[1:], errors[:-1] / safe[:-1])
        spread = np.abs(times * relative / ratio)
    out: dict[str, Any] = {}
    for name, sign in (("doubling", 1), ("halving", -1)):
        lasts = np.where(pairs & (sign * ratio > 0), np.abs(times), np.inf)
        at = np.argmin(lasts, axis=0)
        found = np.isfinite(np.take_along_axis(lasts, at[np.newaxis], 0)[0])
        for key, given in ((name, np.abs(times)), (f"{name}_err", spread)):
            out[key] = np.where(found, np.take_along_axis(given, at[np.newaxis], 0)[0], np.nan) * unit
        out[f"{name}_coord"] = coords[np.where(found, at, 0)]
    return out


def structure_function(
    flux: Any, flux_err: Any, time: u.Quantity, tdelta_precision: int = 5
) -> tuple[np.ndarray, u.Quantity]:
    """Structure function: mean squared difference of fluxes by their distance in time, weighted with significances.

    (Emmanoulopoulos, McHardy & Uttley 2010, MNRAS 404, 931.)

    Parameters
    ----------
    flux, flux_err
        Fluxes and their symmetric errors, time first.
    time
        Times.
    tdelta_precision
        Decimal places to which distances are rounded, in the unit of the times.

    Returns
    -------
    sf, distances
        Values in squared units of the fluxes, time distances first, and the distances.

    Examples
    --------
    >>> sf, distances = structure_function([1.0, 2.0, 4.0], [0.1, 0.1, 0.1], [0, 1, 2] * u.d)
    >>> print(sf, distances)
    [3.4 9. ] [1. 2.] d
    """
    values, errors, good = _prepared(flux, flux_err, 0)
    seconds = np.asarray(time.value, dtype=float)
    early, late = np.triu_indices(len(values), k=1)
    lag = np.round(seconds[late] - seconds[early], tdelta_precision)
    early, late = np.where(lag < 0, late, early), np.where(lag < 0, early, late)
    distances, number = np.unique(np.abs(lag), return_inverse=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        significance = np.where(good & (errors > 0), values / np.where(errors > 0, errors, 1.0), 0.0)
        weight = significance[early] * significance[late]
        total = np.zeros((2, len(distances), *values.shape[1:]))
        np.add.at(total[0], number, weight * (values[late] - values[early]) ** 2)
        np.add.at(total[1], number, weight)
        keep = distances > 0
        sf = total[0][keep] / total[1][keep]
    unit = getattr(flux, "unit", None)
    return sf if unit is None else sf * unit**2, distances[keep] * time.unit


def discrete_correlation(
    flux1: Any,
    flux_err1: Any,
    flux2: Any,
    flux_err2: Any,
    time1: u.Quantity,
    time2: u.Quantity,
    tau: u.Quantity,
    axis: int = 0,
) -> tuple[u.Quantity, np.ndarray, np.ndarray]:
    """Discrete correlation function of two series of fluxes (Edelson & Krolik 1988, ApJ 333, 646).

    Parameters
    ----------
    flux1, flux_err1, flux2, flux_err2
        Fluxes and their symmetric errors; all axes but that of time are the same.
    time1, time2
        Times.
    tau
        Width of the bins of the lag ``time1 - time2``.
    axis
        Axis of time.

    Returns
    -------
    lags
        Centres of the bins.
    correlation, correlation_err
        Values and their errors, lags first; NaN in bins without pairs, and errors with less than two.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> x = np.sin(np.arange(50.0))
    >>> lags, dcf, _ = discrete_correlation(x, 0 * x, x, 0 * x, np.arange(50) * u.d, np.arange(50) * u.d, 1 * u.d)
    >>> print(lags[49], dcf[49].round(2))
    0.5 d 1.0
    """
    first, errors1, good1 = _prepared(flux1, flux_err1, axis)
    second, errors2, good2 = _prepared(flux2, flux_err2, axis)
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(f"the axes beside time differ: {first.shape[1:]} and {second.shape[1:]}")

    def normalised(values: np.ndarray, errors: np.ndarray, good: np.ndarray) -> np.ndarray:
        number = good.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = values.sum(axis=0) / number
            variance = np.where(good, (values - mean) ** 2, 0.0).sum(axis=0) / number
            noise = (errors.sum(axis=0) / number) ** 2
            return np.where(good, (values - mean) / np.sqrt(variance - noise), np.nan)

    both = normalised(first, errors1, good1)[:, np.newaxis] * normalised(second, errors2, good2)[np.newaxis]
    product = both.reshape(-1, *first.shape[1:])
    unit = time1.unit
    lag = (time1.value[:, np.newaxis] - time2.to_value(unit)[np.newaxis]).ravel()
    width = tau.to_value(unit)
    # lags of equal intervals lie on the edges of bins: rounding must not spread them over two
    number = np.floor(lag / width + 1e-6).astype(int)
    lowest, size = int(number.min()), int(number.max() - number.min()) + 1
    valid, place = np.isfinite(product), number - lowest

    def sums(values: np.ndarray) -> np.ndarray:
        out = np.zeros((size, *values.shape[1:]))
        np.add.at(out, place, values)
        return out

    pairs = sums(valid.astype(float))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sums(np.where(valid, product, 0.0)) / pairs
        scatter = sums(np.where(valid, (product - mean[place]) ** 2, 0.0))
        error = np.where(pairs > 1, np.sqrt(scatter) / (pairs - 1), np.nan)
    return (lowest + np.arange(size) + 0.5) * width * unit, mean, error
