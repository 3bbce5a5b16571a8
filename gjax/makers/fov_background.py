"""Background from the whole field of view: the background model scaled to the counts outside of excluded regions."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from gjax.makers.exclusion_image import kept_pixels, settle_exclusion
from gjax.maps import Map, RegionGeom

__all__ = ["FoVBackgroundMaker", "fit_norm_and_tilt"]

log = logging.getLogger(__name__)

METHODS = ("scale", "fit")


def fit_norm_and_tilt(
    counts: np.ndarray, background: np.ndarray, energy: np.ndarray, free_tilt: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    r"""Maximise the Poisson likelihood of :math:`\\mu_k = N b_k (E_k / E_0)^{-t}` in sums over pixels.

    All that the likelihood of the pixels says about norm and tilt is in their sums per energy. Newton's method with
    the Fisher information in :math:`(\\ln N, t)`, halving steps that do not improve.

    Parameters
    ----------
    counts, background
        Sums over pixels (energy).
    energy
        Energies over the reference energy (energy).
    free_tilt
        Whether the tilt is fitted; else it is 0.

    Returns
    -------
    values, errors
        Norm and tilt.

    Raises
    ------
    ValueError
        If the fit does not converge.

    Examples
    --------
    >>> values, errors = fit_norm_and_tilt(np.array([20.0, 80.0]), np.array([40.0, 40.0]), np.array([0.5, 2.0]))
    >>> values.round(6), errors.round(6)
    (array([ 1., -1.]), array([0.125   , 0.180337]))
    """
    used = background > 0
    counts, background, log_energy = counts[used], background[used], np.log(energy[used])
    if not free_tilt or np.ptp(log_energy) == 0:
        norm = counts.sum() / background.sum()
        return np.array([norm, 0.0]), np.array([np.sqrt(counts.sum()) / background.sum(), 0.0])
    basis = np.stack([np.ones_like(log_energy), -log_energy])

    def minus_log(at: np.ndarray) -> tuple[float, np.ndarray]:
        exponent = np.clip(at @ basis, -700.0, 700.0)
        mu = background * np.exp(exponent)
        return float((mu - counts * exponent).sum()), mu

    theta = np.array([np.log(counts.sum() / background.sum()), 0.0])
    value, mu = minus_log(theta)
    for _ in range(100):
        fisher = (basis * mu) @ basis.T
        step = np.linalg.solve(fisher, basis @ (counts - mu))
        scale = 1.0
        while scale > 1e-6:
            trial, trial_mu = minus_log(theta + scale * step)
            if trial <= value + 1e-12 * abs(value):
                break
            scale *= 0.5
        theta, value, mu = theta + scale * step, trial, trial_mu
        if np.abs(scale * step).max() < 1e-10:
            break
    else:
        raise ValueError("the fit of norm and tilt did not converge")
    errors = np.sqrt(np.diag(np.linalg.inv((basis * mu) @ basis.T)))
    norm = np.exp(theta[0])
    return np.array([norm, theta[1]]), np.array([norm * errors[0], errors[1]])


class FoVBackgroundMaker:
    """Scale the background model of a run to its counts outside of excluded regions, in the safe bins.

    With the method "scale" (and "fit" with a fixed tilt, which has the same maximum) the norm is
    ``sum(counts) / sum(background)`` with the error ``sqrt(sum(counts)) / sum(background)``; with a free tilt both
    are fitted (`fit_norm_and_tilt`). The result is in the background of the returned dataset, and in its ``meta``:
    ``bkg_norm``, ``bkg_norm_err``, ``bkg_tilt``, ``bkg_tilt_err``, ``bkg_reference``.

    A run that cannot be scaled has its safe mask set to False, with a warning.

    Parameters
    ----------
    method
        "scale" or "fit".
    exclusion_mask
        Sky that holds gamma-ray sources: a mask map (False where excluded), regions, a DS9 string or a file.
    spectral_model
        "pl-norm" (the tilt is fixed), or a model with the parameters ``norm``, ``tilt`` and ``reference``, such as
        `gjax.models.PowerLawNormSpectralModel`; its tilt is fitted if it is not frozen.
    min_counts
        Fewest counts outside of excluded regions.
    min_npred_background
        Least background there.

    Raises
    ------
    ValueError
        If method or model are unknown.

    Examples
    --------
    >>> FoVBackgroundMaker(method="fit", exclusion_mask="icrs;circle(83.63, 22.01, 0.3)").method
    'fit'
    """

    tag = "FoVBackgroundMaker"

    def __init__(
        self,
        method: str = "scale",
        exclusion_mask: Any = None,
        spectral_model: Any = "pl-norm",
        min_counts: float = 0,
        min_npred_background: float = 0,
    ):
        if method not in METHODS:
            raise ValueError(f"method is {method!r}, known are {', '.join(METHODS)}")
        if isinstance(spectral_model, str):
            if spectral_model != "pl-norm":
                raise ValueError(f"spectral_model is {spectral_model!r}; known is 'pl-norm'")
        elif not all(hasattr(spectral_model, name) for name in ("norm", "tilt", "reference")):
            raise ValueError(
                f"spectral_model: {type(spectral_model).__name__} has no norm, tilt and reference; "
                "give 'pl-norm' or a PowerLawNormSpectralModel"
            )
        self.method = method
        self.exclusion_mask = settle_exclusion(exclusion_mask)
        self.spectral_model = spectral_model
        self.min_counts = min_counts
        self.min_npred_background = min_npred_background

    def __repr__(self) -> str:
        return f"FoVBackgroundMaker(method={self.method!r})"

    def _tilt(self) -> tuple[bool, float]:
        """Whether the tilt is free, and the reference energy [TeV]."""
        model = self.spectral_model
        if isinstance(model, str):
            return False, 1.0
        import astropy.units as u

        unit = getattr(model.reference, "unit", "TeV") or "TeV"
        reference = u.Quantity(float(model.reference.value), str(unit)).to_value("TeV")
        return self.method == "fit" and not bool(getattr(model.tilt, "frozen", True)), float(reference)

    def run(self, dataset: Any, observation: Any = None) -> Any:
        """Return the dataset with its background scaled.

        Parameters
        ----------
        dataset
            Map dataset with counts and background.
        observation
            Unused.

        Raises
        ------
        ValueError
            If counts or background are missing, or the dataset is no map.
        """
        geom = dataset.counts.geom
        if isinstance(geom, RegionGeom):
            raise ValueError(f"dataset {dataset.name!r}: FoVBackgroundMaker needs a map, not a region")
        if dataset.background is None:
            raise ValueError(f"dataset {dataset.name!r}: FoVBackgroundMaker needs a background")
        mask = np.broadcast_to(kept_pixels(self.exclusion_mask, geom), geom.data_shape)
        for extra in (dataset.mask_safe, dataset.mask_fit):
            if extra is not None:
                mask = mask & extra.data
        counts = _sums(dataset.counts.data, mask)
        background = _sums(dataset.background.data, mask & np.isfinite(dataset.background.data))
        problem = self._problem(counts.sum(), background.sum())
        if problem:
            return self._failed(dataset, problem)
        free_tilt, reference = self._tilt()
        energy = geom.axes["energy"].center.to_value("TeV") / reference
        try:
            (norm, tilt), (norm_error, tilt_error) = fit_norm_and_tilt(counts, background, energy, free_tilt)
        except (ValueError, np.linalg.LinAlgError) as error:
            return self._failed(dataset, str(error))
        scale = norm * energy**-tilt
        scaled = dataset.background.data * scale.reshape((-1,) + (1,) * (len(geom.data_shape) - 1))
        found = {
            "bkg_norm": float(norm),
            "bkg_norm_err": float(norm_error),
            "bkg_tilt": float(tilt),
            "bkg_tilt_err": float(tilt_error),
            "bkg_reference": float(reference),
        }
        return dataset.copy(
            name=dataset.name, background=dataset.background.copy(data=scaled), meta={**dataset.meta, **found}
        )

    def _problem(self, counts: float, background: float) -> str:
        if not background > self.min_npred_background:
            return f"the background outside of excluded regions is {background:.4g}"
        if not counts > self.min_counts:
            return f"there are {counts:.4g} counts outside of excluded regions"
        return ""

    def _failed(self, dataset: Any, why: str) -> Any:
        log.warning("dataset %r: the background cannot be scaled, %s; the dataset is masked out", dataset.name, why)
        mask = Map.from_geom(dataset.counts.geom, data=np.zeros(dataset.counts.geom.data_shape, dtype=bool))
        return dataset.copy(name=dataset.name, mask_safe=mask)


def _sums(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Sums over pixels (energy)."""
    return np.array([np.where(one, plane, 0.0).ravel().sum() for plane, one in zip(values, mask)])
