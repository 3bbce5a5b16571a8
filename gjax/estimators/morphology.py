"""Does the shape of a source change with energy? One shape for all bands against a shape for each."""

from __future__ import annotations

import dataclasses
import fnmatch
from typing import Any

import jax
import numpy as np
from astropy.table import QTable

from gjax.datasets import MapDataset, MapDatasetOnOff
from gjax.errors import FitError
from gjax.estimators._inputs import band_axis, band_slices
from gjax.freeze import FitResult, Likelihood
from gjax.models import FoVBackgroundModel, Models, ScaleSpectralModel
from gjax.parameters import Parameter
from gjax.stats import ts_to_sigma
from gjax.units import attach_unit

__all__ = ["EnergyDependentMorphology", "EnergyDependentMorphologyEstimator"]

NORM = "norm"


@dataclasses.dataclass(frozen=True, repr=False)
class EnergyDependentMorphology:
    """What a test of the shape found.

    Parameters
    ----------
    delta_ts
        How much the statistic falls if every band has a shape of its own.
    df
        Number of parameters that this adds.
    table
        One row per band: energies, norm and parameters of the shape with errors, significance of the source.
    joint, separate
        Fits with one shape and with one per band.
    """

    delta_ts: float
    df: int
    table: QTable
    joint: FitResult
    separate: FitResult

    @property
    def significance(self) -> float:
        """Significance of the energy dependence in standard deviations."""
        return float(ts_to_sigma(self.delta_ts, self.df))

    @property
    def p_value(self) -> float:
        """Probability of so large a ``delta_ts`` if the shape does not change."""
        from scipy.stats import chi2

        return float(chi2.sf(max(self.delta_ts, 0.0), self.df))

    def chi2(self, name: str) -> tuple[float, int]:
        """Return chi-square and degrees of freedom of one parameter of the shape against its weighted mean.

        Parameters
        ----------
        name
            Parameter, for instance "sigma".

        Raises
        ------
        KeyError
            If it was not free.
        """
        if f"{name}_err" not in self.table.colnames:
            raise KeyError(f"{name!r} is no free parameter of the shape; there are: {', '.join(self.table.colnames)}")
        value, error = (np.asarray(getattr(self.table[key], "value", self.table[key])) for key in (name, f"{name}_err"))
        good = np.isfinite(error) & (error > 0)
        value, weight = value[good], 1 / error[good] ** 2
        return float((weight * (value - (weight * value).sum() / weight.sum()) ** 2).sum()), int(good.sum()) - 1

    def __repr__(self) -> str:
        text = f"delta TS {self.delta_ts:.2f} for {self.df} parameters, {self.significance:.2f} sigma"
        return f"EnergyDependentMorphology({text}, {len(self.table)} bands)"


@dataclasses.dataclass(frozen=True)
class EnergyDependentMorphologyEstimator:
    """Tests whether the shape of a source depends on energy.

    Bands of reconstructed energy are fitted together, each with a norm of its own on the spectrum and a norm of each
    background: once with one shape for all bands, once with a shape for each. Other sources are held.

    Parameters
    ----------
    energy_edges
        Edges of the bands, moved to the nearest edges of the data.
    source
        Name of the source; not needed if there is only one.

    Raises
    ------
    ValueError
        If there are less than two bands.

    Examples
    --------
    >>> EnergyDependentMorphologyEstimator([1, 3, 10, 30], source="crab").source
    'crab'
    """

    energy_edges: Any
    source: str | None = None

    def __post_init__(self) -> None:
        if np.size(getattr(self.energy_edges, "value", self.energy_edges)) < 3:
            raise ValueError("energy_edges: expected at least two bands, so three edges")

    def run(self, likelihood: Likelihood | FitResult) -> EnergyDependentMorphology:
        """Run the test.

        Parameters
        ----------
        likelihood
            A likelihood of cubes, or the result of a fit; fits start at its values, and free parameters of the shape of
            the source are those that are free in it.

        Returns
        -------
        found
            Difference of the statistic, and parameters per band.

        Raises
        ------
        FitError
            If the source does not exist, has no free shape, or there are data without maps.
        """
        if isinstance(likelihood, FitResult):
            likelihood = likelihood.likelihood
        names = [model.name for model in likelihood.models.sources]
        if self.source is None and len(names) != 1:
            raise FitError(f"source: say which one, there are {', '.join(names)}")
        source = names[0] if self.source is None else self.source
        if getattr(likelihood.models[source], "spatial_model", None) is None:
            raise FitError(f"source {source!r}: has no shape on the sky")
        datasets, axis = bands_of_cubes(likelihood.datasets, self.energy_edges)
        number = axis.nbin
        together = Likelihood(datasets, models_of_bands(likelihood, source, number, is_shared=True))
        prefix = f"{source}-0.spatial."
        free = [name for name in together.free_names if name.startswith(prefix)]
        if not free:
            raise FitError(f"source {source!r}: no parameter of its shape is free")
        joint = together.fit()
        starts = {name: joint[name][0] for name in joint.free_names if name not in free}
        starts |= {f"{source}-{k}.spatial.{n.removeprefix(prefix)}": joint[n][0] for n in free for k in range(number)}
        models = models_of_bands(likelihood, source, number, is_shared=False).with_values(starts)
        separate = Likelihood(datasets, models).fit()
        table = _table(separate, source, axis, [name.removeprefix(prefix) for name in free])
        gain = joint.total_stat - separate.total_stat
        return EnergyDependentMorphology(gain, separate.n_free - joint.n_free, table, joint, separate)


def bands_of_cubes(datasets: list[Any], energy_edges: Any) -> tuple[list[Any], Any]:
    """Return every band of every dataset as a dataset of its own, called ``name-0`` and so on, and the bands.

    Raises
    ------
    FitError
        If a dataset is no map.
    """
    for dataset in datasets:
        if not isinstance(dataset, MapDataset | MapDatasetOnOff):
            raise FitError(f"dataset {dataset.name!r}: expected maps, got {type(dataset).__name__}")
    axis = band_axis(datasets[0].counts.geom.axes["energy"], energy_edges)
    parts = []
    for dataset in datasets:
        mask = np.ones(dataset.counts.data.shape, bool) if dataset.mask is None else np.asarray(dataset.mask.data, bool)
        for k, part in enumerate(band_slices(dataset.counts.geom.axes["energy"], axis)):
            inside = np.zeros_like(mask)
            inside[part] = mask[part]
            # masked, not cut out: bands of one shape are one program, however many
            changes = {"mask_safe": dataset.counts.copy(data=inside, unit=""), "mask_fit": None}
            parts.append(dataset.copy(name=f"{dataset.name}-{k}", **changes))
    return parts, axis


def _anew(model: Any) -> Any:
    """Return a model with the same parameters, but not linked to those of the first."""

    def copied(leaf: Any) -> Any:
        return leaf.replace() if isinstance(leaf, Parameter) else leaf

    return jax.tree_util.tree_map(copied, model, is_leaf=lambda leaf: isinstance(leaf, Parameter))


def models_of_bands(likelihood: Likelihood, source: str, number: int, *, is_shared: bool) -> Models:
    """Return the models for `bands_of_cubes`: a norm of source and background per band.

    Parameters
    ----------
    likelihood
        The likelihood of whole cubes.
    source
        The source.
    number
        Number of bands.
    is_shared
        Whether all bands have one shape.
    """
    found: list[Any] = []
    for model in likelihood.models:
        for k in range(number):
            names = [f"{name}-{k}" for name in likelihood.names if _acts(model, name)]
            if isinstance(model, FoVBackgroundModel):
                # within a band a tilt is a norm
                held = Models([_anew(model)]).freeze("*.tilt")[0]
                found.append(dataclasses.replace(held, datasets_names=names, name=f"{model.name}-{k}"))
                continue
            if model.name != source:
                fixed = Models([_anew(model)]).freeze("*")[0]
                found.append(dataclasses.replace(fixed, datasets_names=names, name=f"{model.name}-{k}"))
                continue
            spectrum = Models([_anew(model)]).freeze("*")[0].spectral_model
            shape = model.spatial_model if is_shared else _anew(model.spatial_model)
            scaled = ScaleSpectralModel(spectrum, Parameter(1.0, scale=1.0))
            changes = {"spectral_model": scaled, "spatial_model": shape, "name": f"{source}-{k}"}
            found.append(dataclasses.replace(model, datasets_names=tuple(names), **changes))
    return Models(found)


def _acts(model: Any, dataset: str) -> bool:
    patterns = getattr(model, "datasets_names", None)
    return patterns is None or any(fnmatch.fnmatchcase(dataset, pattern) for pattern in patterns)


def _table(fit: FitResult, source: str, axis: Any, names: list[str]) -> QTable:
    """Return energies, norms, parameters of the shape and significances of all bands."""
    rows: dict[str, list[Any]] = {}
    units: dict[str, str] = {}
    for k in range(axis.nbin):
        for name in [f"spectral.{NORM}", *(f"spatial.{name}" for name in names)]:
            value, error = fit[f"{source}-{k}.{name}"]
            short = name.partition(".")[2]
            units[short] = fit.table.units[fit.one(f"{source}-{k}.{name}")]
            rows.setdefault(short, []).append(value)
            rows.setdefault(f"{short}_err", []).append(error)
        none = fit.likelihood.with_values({f"{source}-{k}.spectral.{NORM}": 0.0}).freeze(f"{source}-{k}.*")
        null = none.fit().total_stat if none.free_names else none.stat_sum()
        rows.setdefault("ts", []).append(null - fit.total_stat)
    columns = {"e_min": axis.edges_min, "e_max": axis.edges_max}
    for name, values in rows.items():
        unit = units.get(name.removesuffix("_err"), "")
        columns[name] = attach_unit(np.array(values), unit) if unit else np.array(values)
    return QTable(columns)
