"""Flux points with the other free parameters re-optimised in every band: one fit per band, in one batch."""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gjax.errors import FitError
from gjax.estimators._lanes import Lanes
from gjax.freeze import Likelihood
from gjax.inference import CONVERGED, STALLED, covariance_at, find_crossing, minimise
from gjax.likelihood import Problem, hessian
from gjax.models import Models, ScaleSpectralModel
from gjax.parameters import Parameter

__all__ = ["estimate_reoptimised", "fit_band", "with_masks"]


def with_masks(problem: Problem, masks: tuple[Array, ...]) -> Problem:
    """Return a likelihood with other masks, one per bucket."""
    return eqx.tree_at(lambda p: [bucket.mask for bucket in p.buckets], problem, list(masks))


def fit_band(
    here: Problem, x0: Array, position: Array, scan: Array, n_sigma: Array, n_sigma_ul: Array
) -> dict[str, Array]:
    """Fit, and ask for errors, limit and scan of one parameter, all others re-optimised.

    Parameters
    ----------
    here
        The likelihood, with masks that leave the bins of one band.
    x0
        Start, in units of the scales.
    position
        Place of the parameter in the free vector; it is the norm, with scale 1.
    scan
        Norms of the likelihood scan.
    n_sigma, n_sigma_ul
        Significance of errors and of the upper limit.

    Returns
    -------
    values
        As flux points have them, and the free vector "x" with its errors "x_err", in units of the scales.
    """
    is_norm = jnp.arange(x0.shape[0]) == position
    best = minimise(here, x0, jnp.zeros(x0.shape, bool))
    covariance, _ = covariance_at(hessian(here, best.x), best.fisher, here)
    width = jnp.sqrt(covariance[position, position])
    ray = covariance[:, position] / width

    def cross(n: Array) -> Array:
        return find_crossing(here, best.x, best.statistic, jnp.sign(n) * ray, is_norm, n**2).distance * width

    def held(norm: Array) -> Array:
        return minimise(here, jnp.where(is_norm, norm, best.x), is_norm).statistic

    below, above, limit = jax.vmap(cross)(jnp.stack([-n_sigma, n_sigma, n_sigma_ul]))
    profile = jax.vmap(held)(jnp.concatenate([jnp.zeros(1, scan.dtype), scan]))
    converged = best.status == CONVERGED
    return {
        "norm": best.x[position],
        "norm_err": jnp.where(converged, n_sigma * width, jnp.nan),
        "norm_errn": below,
        "norm_errp": above,
        "norm_ul": best.x[position] + limit,
        "ts": profile[0] - best.statistic,
        "stat": best.statistic,
        "stat_null": profile[0],
        "stat_scan": profile[1:],
        # without counts the minimum is a corner of the statistic, where no step goes further down
        "success": converged | (best.status == STALLED),
        "x": best.x,
        "x_err": jnp.where(converged, n_sigma * jnp.sqrt(jnp.diagonal(covariance)), jnp.nan),
    }


@jax.jit
def _one_band_each(
    problem: Problem,
    masks: tuple[Array, ...],
    x0: Array,
    position: Array,
    scan: Array,
    n_sigma: Array,
    n_sigma_ul: Array,
) -> dict[str, Any]:
    def band(masks: tuple[Array, ...]) -> dict[str, Any]:
        return fit_band(with_masks(problem, masks), x0, position, scan, n_sigma, n_sigma_ul)

    return jax.vmap(band)(masks)


def estimate_reoptimised(
    likelihood: Likelihood, source: str, lanes: Lanes, bands: Array, scan: Array, n_sigma: Array, n_sigma_ul: Array
) -> dict[str, Any]:
    """Return norms, errors, limits, test statistics and scans of all bands, other free parameters re-optimised.

    Raises
    ------
    FitError
        If a parameter of the source is linked to one that stays free.
    """
    norm = Parameter(1.0, scale=1.0)
    models = []
    for model in likelihood.models.freeze(f"{source}.*"):
        if model.name == source:
            scaled = ScaleSpectralModel(model.spectral_model, norm)
            model = dataclasses.replace(model, spectral_model=scaled)
        models.append(model)
    scaled_likelihood = likelihood.with_models(Models(models))
    name = f"{source}.spectral.norm"
    if name not in scaled_likelihood.free_names:
        raise FitError(f"source {source!r}: its spectral model already has a parameter called 'norm'")
    position = scaled_likelihood.free_names.index(name)
    masks = tuple(jnp.stack([lane == band for band in range(len(bands))]) for lane in lanes.lane)
    x0 = scaled_likelihood.start
    arguments = jax.device_put(position), scan, n_sigma, n_sigma_ul
    values = _one_band_each(scaled_likelihood.problem, masks, x0, *arguments)
    good = values["success"] & bands
    return {
        key: good if key == "success" else jnp.where(good if v.ndim == 1 else good[:, None], v, jnp.nan)
        for key, v in values.items()
    }
