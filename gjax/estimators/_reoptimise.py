"""Flux points with the other free parameters re-optimised in every band: one fit per band, in one batch."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np
from jax import Array

from gjax.errors import FitError
from gjax.estimators._lanes import Lanes
from gjax.estimators._refits import own_leaves, refit
from gjax.freeze import Likelihood
from gjax.models import Models, ScaleSpectralModel
from gjax.parameters import Parameter

__all__ = ["estimate_reoptimised"]


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
    number = np.arange(len(bands)).reshape(-1, 1, 1)
    masks = jax.device_put([np.asarray(lane) == number for lane in lanes.lane])
    problem = scaled_likelihood.problem
    own = own_leaves(problem, lambda p: [bucket.mask for bucket in p.buckets], masks)
    n_free = len(scaled_likelihood.free_names)
    values = refit(problem, own, scaled_likelihood.start, position, n_free, scan, float(n_sigma), float(n_sigma_ul))
    good = values["success"] & np.asarray(bands)
    return {
        key: good if key == "success" else np.where(good if v.ndim == 1 else good[:, np.newaxis], v, np.nan)
        for key, v in values.items()
        if key not in ("x", "x_err")
    }
