"""One map from several: of the same fluxes, or of the same question with a norm each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gjax.estimators.flux_maps import FluxMaps

__all__ = ["combine_flux_maps", "combine_significance_maps"]


def _checked(maps: Sequence[FluxMaps], needed: tuple[str, ...]) -> None:
    if len(maps) < 2:
        raise ValueError(f"maps: expected at least two, got {len(maps)}")
    for one in maps:
        missing = [name for name in needed if name not in one.maps]
        if missing:
            raise ValueError(f"maps: every one needs {', '.join(needed)}; one has no {', '.join(missing)}")
        if one.geom.data_shape != maps[0].geom.data_shape or not one.geom.is_same_sky(maps[0].geom):
            raise ValueError("maps: expected the same pixels and energies")


def combine_flux_maps(maps: Sequence[FluxMaps]) -> FluxMaps:
    """Return the mean of independent flux maps, weighted with their errors.

    As if errors were those of normal distributions: good where counts are many. `TSMapEstimator` fits several datasets
    with one norm without this assumption. The TS of a pixel is that of the mean and its error, and what the TS of the
    maps have beyond theirs.

    Parameters
    ----------
    maps
        Flux maps with "norm", "norm_err" and "ts" on the same pixels and energies.

    Returns
    -------
    mean
        "norm", "norm_err", "ts", "success" and "flag" on the reference of the first; pixels that one map lacks are
        those of the others, and flagged as in the first where all do.

    Raises
    ------
    ValueError
        If there are less than two, or they have other pixels, energies or quantities.
    """
    _checked(maps, ("norm", "norm_err", "ts"))
    first = maps[0]
    same = [first, *(one.copy(reference_model=first.reference_model) for one in maps[1:])]
    norm, error, ts = (np.stack([one.maps[name].data for one in same]) for name in ("norm", "norm_err", "ts"))
    known = np.isfinite(norm) & (error > 0)
    weight = np.where(known, 1.0, 0.0) / np.where(known, error, 1.0) ** 2
    total = weight.sum(axis=0)
    seen = total > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(seen, np.sum(weight * np.where(known, norm, 0.0), axis=0) / total, np.nan)
        width = np.where(seen, 1 / np.sqrt(total), np.nan)
        beyond = np.where(known, np.nan_to_num(ts) - norm**2 * weight, 0.0).sum(axis=0)
        found = {"norm": mean, "norm_err": width, "ts": (mean / width) ** 2 + beyond, "success": seen}
    if "flag" in first.maps:
        found["flag"] = np.where(seen, 0, first.maps["flag"].data)
    return first.copy(maps={name: first.maps["norm"].copy(data=values, unit="") for name, values in found.items()})


def combine_significance_maps(maps: Sequence[FluxMaps]) -> dict[str, Any]:
    """Return the significance of several maps together, each bin of energy with a norm of its own.

    The sum of the TS of bins follows a chi-square distribution with as many degrees of freedom where there is no
    source (Lancaster 1961, doi:10.1111/j.1467-842X.1961.tb00058.x).

    Parameters
    ----------
    maps
        Flux maps with "ts" and "npred_excess" on the same pixels, of datasets or bands that are independent.

    Returns
    -------
    images
        "significance", negative where the excesses are; "ts", "df" and "npred_excess", the sums over maps and bins. NaN
        (0 degrees of freedom) where no map has a value.

    Raises
    ------
    ValueError
        If there are less than two, or they have other pixels, energies or quantities.
    """
    from scipy.special import ndtri_exp

    _checked(maps, ("ts", "npred_excess"))
    ts = np.concatenate([np.asarray(one.maps["ts"].data) for one in maps])
    excess = np.concatenate([np.asarray(one.maps["npred_excess"].data) for one in maps])
    df = np.isfinite(ts).sum(axis=0)
    total, signed = np.nansum(ts, axis=0), np.nansum(ts * np.sign(excess), axis=0)
    log_p = _log_chance(total, np.maximum(df, 1))
    sigma = np.where(df == 1, np.sqrt(np.maximum(total, 0.0)), -ndtri_exp(log_p - np.log(2)))
    found = {"significance": np.sign(signed) * np.maximum(sigma, 0.0), "ts": total}
    found |= {"npred_excess": np.nansum(excess, axis=0)}
    images = {name: np.where(df > 0, values, np.nan) for name, values in found.items()} | {"df": df}
    geom, new = maps[0].geom.to_image(), type(maps[0].maps["norm"]).from_geom
    return {name: new(geom, data=values.astype(float)) for name, values in images.items()}


def _log_chance(ts: np.ndarray, df: np.ndarray) -> np.ndarray:
    """Return the logarithm of the chance of a larger chi-square, also where the chance is below the smallest number."""
    from scipy.special import gammaln
    from scipy.stats import chi2

    x, a = np.maximum(ts, 0.0) / 2, df / 2
    chance = chi2.sf(2 * x, df)
    far = np.maximum(x, 100.0)
    # the first terms of the asymptotic series of the incomplete gamma function
    series = 1 + (a - 1) / far * (1 + (a - 2) / far * (1 + (a - 3) / far))
    asymptotic = (a - 1) * np.log(far) - far - gammaln(a) + np.log(np.maximum(series, 1e-300))
    return np.where(chance > 1e-290, np.log(np.maximum(chance, 1e-300)), asymptotic)
