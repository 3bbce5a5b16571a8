"""What map estimators take from datasets: plain arrays inside the masks, in bands of reconstructed energy."""

from __future__ import annotations

import dataclasses
import itertools
import logging
from typing import Any

import numpy as np

from gjax.datasets import MapDataset, MapDatasetOnOff
from gjax.maps import MapAxis
from gjax.units import attach_unit, to_canonical

__all__ = ["MapInput", "band_axis", "band_slices", "estimate_exposure_reco_energy", "map_inputs"]

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class MapInput:
    """Arrays (energy, lat, lon) of one dataset.

    Parameters
    ----------
    dataset
        Where they are from.
    counts
        Counts, 0 outside of the mask.
    npred
        Expected counts of background and models, 0 outside of the mask; of on-off data those of the models alone.
    mask
        Bins that count.
    """

    dataset: Any
    counts: np.ndarray
    npred: np.ndarray
    mask: np.ndarray

    @property
    def axis(self) -> MapAxis:
        """Axis of reconstructed energy."""
        return self.dataset.counts.geom.axes["energy"]


def band_axis(axis: MapAxis, energy_edges: Any, *, every_bin: bool = False) -> MapAxis:
    """Return the bands of an estimator: edges moved to the nearest edges of the data; all energies if None.

    Raises
    ------
    ValueError
        If the edges do not increase, or no band is left inside the data.
    """
    if energy_edges is None:
        return axis if every_bin else axis.squash()
    edges = np.atleast_1d(to_canonical(energy_edges, "TeV", "energy_edges"))
    known = axis.edges.to_value("TeV")
    if len(edges) < 2 or not np.all(np.diff(edges) > 0) or edges[0] <= 0:
        raise ValueError(f"energy_edges: expected at least two increasing energies, got {edges.tolist()} TeV")
    nearest = np.unique(np.abs(np.log(edges[:, np.newaxis] / known)).argmin(axis=1))
    if len(nearest) < 2 or edges[-1] <= known[0] or edges[0] >= known[-1]:
        given = f"{edges[0]:g} to {edges[-1]:g} TeV"
        raise ValueError(f"energy_edges: {given} leave no band; the data cover {known[0]:g} to {known[-1]:g} TeV")
    return MapAxis.from_energy_edges(attach_unit(known[nearest], "TeV"))


def band_slices(axis: MapAxis, bands: MapAxis) -> list[slice]:
    """Return the energy bins of every band.

    Raises
    ------
    ValueError
        If an edge of a band is none of the data, which several datasets with different bins may cause.
    """
    known, edges = axis.edges.to_value("TeV"), bands.edges.to_value("TeV")
    where = np.abs(np.log(known[np.newaxis] / edges[:, np.newaxis])).argmin(axis=1)
    if not np.allclose(known[where], edges, rtol=1e-4):
        raise ValueError(f"energy_edges: {edges.tolist()} TeV are not edges of the data, {known.tolist()} TeV")
    return [slice(int(low), int(high)) for low, high in itertools.pairwise(where)]


def _masked(values: Any, mask: np.ndarray) -> np.ndarray:
    data = np.asarray(values, dtype=float)
    return np.where(mask, data, 0.0)


def _predictions(datasets: list[Any], models: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the predicted signal and the predicted background of models (maps by name of the dataset)."""
    from gjax.freeze import Likelihood
    from gjax.models import Models, PowerLawSpectralModel, SkyModel, TemplateNPredModel

    models = models if isinstance(models, Models) else Models(models)
    if not any(isinstance(model, SkyModel | TemplateNPredModel) for model in models):
        # a likelihood needs a source: this one acts on no dataset
        models = Models(
            [*models, SkyModel(PowerLawSpectralModel(), name="no source", datasets_names=("no dataset",))],
            priors=models.priors,
        )
    likelihood = Likelihood(datasets, models)
    return likelihood.npred_signal(), likelihood.npred_background()


def map_inputs(data: Any, models: Any = None) -> list[MapInput]:
    """Return the arrays of map datasets.

    Parameters
    ----------
    data
        A map dataset, several of them, a `~gjax.Likelihood` or the result of a fit, whose models are then used.
    models
        Models whose counts are background here; None for the background of the datasets alone.

    Raises
    ------
    TypeError
        If a dataset is none with maps.
    ValueError
        If a dataset has no counts, or its expected counts are not finite inside of its mask.
    """
    from gjax.freeze import FitResult, Likelihood

    if isinstance(data, FitResult):
        data = data.likelihood
    if isinstance(data, Likelihood):
        models = data.models if models is None else models
        data = data.datasets
    datasets = list(data) if hasattr(data, "__len__") and hasattr(data, "__getitem__") else [data]
    for dataset in datasets:
        if not isinstance(dataset, MapDataset | MapDatasetOnOff):
            raise TypeError(f"expected map datasets, got {type(dataset).__name__}")
        if dataset.counts is None:
            raise ValueError(f"dataset {dataset.name!r}: has no counts")
    signal, background = _predictions(datasets, models) if models is not None else ({}, {})
    found = []
    for dataset in datasets:
        shape = dataset.counts.data.shape
        mask = np.ones(shape, dtype=bool) if dataset.mask is None else np.asarray(dataset.mask.data, dtype=bool)
        npred = np.zeros(shape)
        if models is not None:
            npred = npred + signal[dataset.name].data
        if not isinstance(dataset, MapDatasetOnOff):
            known = background[dataset.name] if models is not None else dataset.background
            npred = npred + (0.0 if known is None else known.data)
        if not mask.any():
            log.warning(f"dataset {dataset.name!r}: its masks leave no bin")
        if not np.isfinite(npred[mask]).all():
            raise ValueError(f"dataset {dataset.name!r}: the expected counts are not finite inside of the mask")
        counts = _masked(dataset.counts.data, mask)
        found.append(MapInput(dataset, counts, _masked(npred, mask), mask))
    return found


def default_spectrum() -> Any:
    """Return a power law of index 2."""
    from gjax.models import PowerLawSpectralModel

    return PowerLawSpectralModel(index=2.0)


def estimate_exposure_reco_energy(dataset: Any, spectral_model: Any = None, *, normalize: bool = True) -> Any:
    """Exposure in reconstructed energy for a spectrum: what a source at a pixel would give without spread.

    Parameters
    ----------
    dataset
        Map dataset with exposure; the energy dispersion is that at the centre of the map.
    spectral_model
        Spectrum; a power law of index 2 if None.
    normalize
        Divide the counts by the flux of the spectrum in every bin [cm2 s]; otherwise return counts.

    Raises
    ------
    ValueError
        If the dataset has no exposure.

    Examples
    --------
    >>> import numpy as np
    >>> from gjax.datasets import MapDataset
    >>> from gjax.maps import MapAxis, WcsGeom
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    >>> true = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2, name="energy_true")
    >>> dataset = MapDataset.create(WcsGeom.create(npix=3, binsz=1, axes=[axis]), energy_axis_true=true)
    >>> dataset = dataset.copy(exposure=dataset.exposure + 1, edisp=None)
    >>> estimate_exposure_reco_energy(dataset).quantity[:, 1, 1].to_value("cm2 s")
    array([10000., 10000.])
    """
    from gjax.freeze._responses import edisp_at

    if dataset.exposure is None:
        raise ValueError(f"dataset {dataset.name!r}: has no exposure")
    spectrum = default_spectrum() if spectral_model is None else spectral_model
    geom = dataset.counts.geom
    true = dataset.exposure.geom.axes["energy_true"].edges
    flux = spectrum.integral(true[:-1], true[1:]).to_value("cm-2 s-1")
    weights = np.asarray(flux)[:, np.newaxis] * edisp_at(dataset, geom.center_skydir)
    exposure = np.asarray(dataset.exposure.quantity.to_value("cm2 s"), dtype=float)
    values = np.tensordot(weights.T, exposure, axes=1)
    unit = ""
    if normalize:
        edges = geom.axes["energy"].edges
        reference = spectrum.integral(edges[:-1], edges[1:]).to_value("cm-2 s-1")
        values, unit = values / np.asarray(reference)[:, np.newaxis, np.newaxis], "cm2 s"
    return dataset.counts.copy(data=values, unit=unit, meta={})
