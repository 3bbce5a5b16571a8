"""Datasets as a likelihood expects them: counts replaced by their mean (Asimov), or by draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gjax.datasets import FluxPointsDataset, MapDatasetOnOff, SpectrumDatasetOnOff
from gjax.units import DNDE

if TYPE_CHECKING:
    from gjax.freeze import Likelihood

__all__ = ["asimov_datasets", "generator_of", "simulate_datasets"]


def generator_of(key: Any) -> np.random.Generator:
    """Return the NumPy generator that belongs to a JAX key.

    Parameters
    ----------
    key
        Random key, e.g. ``jax.random.key(0)``.

    Raises
    ------
    TypeError
        If it is no key.
    """
    import jax

    try:
        words = jax.random.key_data(key)
    except (TypeError, ValueError, AttributeError) as error:
        raise TypeError(f"key: expected a random key such as jax.random.key(0), got {type(key).__name__}") from error
    return np.random.default_rng(np.asarray(words).ravel().tolist())


def _data(value: Any) -> np.ndarray:
    return np.nan_to_num(np.asarray(getattr(value, "data", value), dtype=float), posinf=0.0, neginf=0.0)


def _measured(dataset: Any, profiled: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the expected background in the on region, and the expected off counts."""
    alpha, off = _data(dataset.alpha), _data(dataset.counts_off)
    mask = True if dataset.mask is None else np.asarray(getattr(dataset.mask, "data", dataset.mask), bool)
    if not (mask & (_data(dataset.counts) > 0)).any():
        # no data yet
        return alpha * off, off
    background = np.maximum(_data(profiled), 0.0)
    return background, np.divide(background, alpha, out=off.copy(), where=alpha > 0)


def _flux_points(dataset: FluxPointsDataset, flux: np.ndarray, rng: np.random.Generator | None) -> FluxPointsDataset:
    points, arrays = dataset.data, dataset.arrays()
    reference = points.reference_flux("dnde").to_value(DNDE)
    drawn = np.asarray(flux, dtype=float).copy()
    covariance = points.covariance_of("dnde")
    used = arrays["mask"] & ~arrays["is_ul"]
    if rng is not None and covariance is not None and dataset.stat_type == "chi2":
        part = covariance.to_value(DNDE)[np.ix_(used, used)] / np.outer(reference[used], reference[used])
        drawn[used] += reference[used] * (np.linalg.cholesky(part) @ rng.standard_normal(int(used.sum())))
    elif rng is not None:
        step = rng.standard_normal(len(drawn))
        below, above = (
            (arrays["dnde_err"],) * 2 if dataset.stat_type == "chi2" else (arrays["dnde_errp"], arrays["dnde_errn"])
        )
        # the statistic takes the upper error of a point where the model lies above it
        drawn += np.where(used, step * np.where(step < 0, below, above), 0.0)
    norm = np.where(used, drawn / reference, points.norms["norm"])
    return dataset.copy(data=points.copy(norms={**points.norms, "norm": norm}))


def _replaced(likelihood: Likelihood, rng: np.random.Generator | None) -> list[Any]:
    signals, backgrounds = likelihood.npred_signal(), likelihood.npred_background()

    def counts(like: Any, mean: np.ndarray) -> Any:
        mean = np.maximum(mean, 0.0)
        return like.copy(data=mean if rng is None else rng.poisson(mean).astype(float))

    out: list[Any] = []
    for dataset in likelihood.datasets:
        signal, background = signals[dataset.name], backgrounds[dataset.name]
        if isinstance(dataset, FluxPointsDataset):
            out.append(_flux_points(dataset, signal, rng))
        elif isinstance(dataset, SpectrumDatasetOnOff | MapDatasetOnOff):
            on, off = _measured(dataset, background)
            made = {"counts": counts(dataset.counts, _data(signal) + on)}
            out.append(dataset.copy(**made, counts_off=counts(dataset.counts_off, off)))
        else:
            # events one by one become counts
            dataset = getattr(dataset, "dataset", dataset).copy(dataset.name)
            out.append(dataset.copy(counts=counts(dataset.counts, _data(signal) + _data(background))))
    return out


def asimov_datasets(likelihood: Likelihood) -> list[Any]:
    """Return the datasets of a likelihood with what it expects in place of what was measured.

    Counts become their mean; off counts become the background that fits best to on and off counts, or stay as they
    are where a dataset has no on counts at all; measured fluxes become predicted ones. Negative means become 0, and
    upper limits of flux points stay. Unbinned datasets become binned ones.

    Parameters
    ----------
    likelihood
        At the values wanted.

    Examples
    --------
    >>> import astropy.units as u
    >>> import gjax
    >>> from gjax.datasets import FluxPoints, FluxPointsDataset
    >>> from gjax.models import PowerLawSpectralModel, SkyModel
    >>> flux = [1e-12, 1e-13] * u.Unit("cm-2 s-1 TeV-1")
    >>> points = FluxPoints.from_arrays(e_ref=[1, 3] * u.TeV, dnde=flux, dnde_err=0.1 * flux)
    >>> model = SkyModel(PowerLawSpectralModel(index=2, amplitude="2e-12 cm-2 s-1 TeV-1"), name="source")
    >>> asimov = asimov_datasets(gjax.Likelihood(FluxPointsDataset(points, name="points"), model))
    >>> print(asimov[0].data.quantity("dnde").to("cm-2 s-1 TeV-1").round(15))
    [2.00e-12 2.22e-13] 1 / (TeV s cm2)
    """
    return _replaced(likelihood, None)


def simulate_datasets(likelihood: Likelihood, key: Any) -> list[Any]:
    """Return the datasets of a likelihood with draws around what it expects in place of what was measured.

    On and off counts are Poisson, fluxes Gaussian with the errors of the points; see `asimov_datasets` for their
    means.

    Parameters
    ----------
    likelihood
        At the values wanted.
    key
        Random key, e.g. ``jax.random.key(0)``; the same key gives the same datasets.

    Raises
    ------
    TypeError
        If ``key`` is no random key.
    """
    return _replaced(likelihood, generator_of(key))
