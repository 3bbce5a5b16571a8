"""From a configuration to observations and datasets."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from gjax.analysis.config import AnalysisConfig
from gjax.errors import ConfigError, DataFormatError, MissingDataError, UnitError

__all__ = ["apply_fit_range", "check_energies", "open_observations", "reduce", "reduce_each", "require_any"]

log = logging.getLogger(__name__)

# Edges are stored in single precision in many files.
TOLERANCE = 1e-4


def open_observations(config: AnalysisConfig) -> Any:
    """Open the observations of a configuration (nothing is read yet).

    Parameters
    ----------
    config
        Configuration.

    Returns
    -------
    observations
        `gjax.data.Observations`.

    Raises
    ------
    MissingDataError
        If the data store or an observation does not exist.
    """
    from gjax.data import DataStore

    store = DataStore.from_dir(config.data.datastore)
    ids = list(config.data.obs_ids) or None
    return store.get_observations(ids, required_irf=config.data.required_irf)


def check_energies(config: AnalysisConfig, observations: Any) -> None:
    """Check that the effective areas cover the true energies that the configuration asks for.

    Raises
    ------
    ConfigError
        If an observation does not cover them; the message gives both ranges.
    """
    edges = config.energy_true.edges()
    for observation in observations:
        try:
            aeff = observation.aeff
        except (DataFormatError, MissingDataError, UnitError):
            continue  # the reduction says what is wrong with it
        covered = aeff.axes["energy_true"].edges.to_value("TeV")
        if edges[0] < covered[0] * (1 - TOLERANCE) or edges[-1] > covered[-1] * (1 + TOLERANCE):
            raise ConfigError(
                f"energy_true: {config.energy_true.min} to {config.energy_true.max} is asked for, but the effective "
                f"area of observation {observation.obs_id} covers {covered[0]:.4g} TeV to {covered[-1]:.4g} TeV"
            )


def _makers(config: AnalysisConfig) -> list[Any]:
    import astropy.units as u

    from gjax.fits import expand_path
    from gjax.makers import (
        ReflectedRegionsBackgroundMaker,
        ReflectedRegionsFinder,
        SafeMaskMaker,
        SpectrumDatasetMaker,
        WobbleRegionsFinder,
    )

    background, mask = config.background, config.safe_mask
    finder: Any
    if background.method == "wobble":
        finder = WobbleRegionsFinder(n_off_regions=background.n_off_regions)
    else:
        finder = ReflectedRegionsFinder(
            max_region_number=background.max_region_number, min_distance=u.Quantity(background.min_distance)
        )
    exclusion: Any = [circle.region for circle in background.exclusion_regions] or None
    if background.exclusion_mask is not None:
        if exclusion:
            raise ConfigError("background: give exclusion_regions or exclusion_mask, not both")
        exclusion = expand_path(background.exclusion_mask)
    return [
        SpectrumDatasetMaker(
            selection=["counts", "exposure", "edisp"],
            containment_correction=config.reduction.containment_correction,
            use_region_center=config.reduction.use_region_center,
        ),
        ReflectedRegionsBackgroundMaker(region_finder=finder, exclusion_mask=exclusion),
        SafeMaskMaker(
            methods=list(mask.methods),
            aeff_percent=mask.aeff_percent,
            bias_percent=mask.bias_percent,
            offset_max=u.Quantity(mask.offset_max),
        ),
    ]


def empty_dataset(config: AnalysisConfig) -> Any:
    """Return the empty dataset that observations are reduced into."""
    from gjax.datasets import SpectrumDataset
    from gjax.maps import MapAxis, RegionGeom

    energy = MapAxis.from_energy_edges(config.energy.edges(), unit="TeV", name="energy")
    energy_true = MapAxis.from_energy_edges(config.energy_true.edges(), unit="TeV", name="energy_true")
    if config.on_region is None:
        raise ConfigError("on_region: the key 'on_region' is missing, which type 1d needs")
    geom = RegionGeom.create(config.on_region.region, axes=[energy])
    return SpectrumDataset.create(geom, energy_axis_true=energy_true, name="empty")


def apply_fit_range(config: AnalysisConfig, datasets: Any) -> Any:
    """Return the datasets with the energy range of the fit as ``mask_fit``.

    Raises
    ------
    ConfigError
        If no dataset has a safe bin in that range.
    """
    from gjax.datasets import Datasets

    if config.fit.energy_min is not None or config.fit.energy_max is not None:
        chosen = [d.copy(mask_fit=d.energy_mask(config.fit.energy_min, config.fit.energy_max)) for d in datasets]
        datasets = Datasets(chosen)
    used = [np.ones(1, dtype=bool) if d.mask is None else np.asarray(d.mask.data) for d in datasets]
    if not any(mask.any() for mask in used):
        safe = [d.energy_range_safe for d in datasets if d.mask_safe is None or np.any(d.mask_safe.data)]
        if safe and config.fit.energy_range() != (0.0, np.inf):
            low, high = min(s[0] for s in safe), max(s[1] for s in safe)
            raise ConfigError(
                f"fit: no whole energy bin lies between {config.fit.energy_min or 'the lowest energy'} and "
                f"{config.fit.energy_max or 'the highest energy'}; the data are safe from {low:.4g} to {high:.4g}"
            )
        raise DataFormatError(
            "no dataset has a safe bin: the background could not be scaled, or safe_mask excludes all energies "
            "(the warnings above say which)"
            if config.is_3d
            else "no dataset has a safe energy bin: either no off region was found, or safe_mask excludes all energies "
            "(the warnings above say which)"
        )
    return datasets


def require_any(runs: Any) -> None:
    """Raise the error of the first observation if none could be reduced."""
    if not runs or any(run.error is None for run in runs):
        return
    first = runs[0]
    if not isinstance(first.error, ValueError | OSError):
        raise first.error
    kind = MissingDataError if isinstance(first.error, MissingDataError) else DataFormatError
    raise kind(f"no observation could be reduced; observation {first.obs_id}: {first.error}") from first.error


def reduce_each(config: AnalysisConfig, observations: Any, *, progress: bool = True) -> tuple[Any, dict[str, str]]:
    """Reduce observations; what fails is left out and returned with its reason.

    Parameters
    ----------
    config, observations, progress
        As for `reduce`.

    Returns
    -------
    datasets, failures
        Datasets of the observations that could be reduced, and messages by observation id.

    Raises
    ------
    ConfigError, MissingDataError, DataFormatError
        As for `reduce`; also if no observation could be reduced.
    """
    from gjax.datasets import Datasets
    from gjax.makers import DatasetsMaker

    check_energies(config, observations)
    runs = DatasetsMaker(_makers(config), progress=progress).run_each(empty_dataset(config), observations)
    require_any(runs)
    failures = {str(run.obs_id): str(run.error) for run in runs if run.error is not None}
    datasets = apply_fit_range(config, Datasets([run.dataset for run in runs if run.error is None]))
    if config.reduction.stack:
        datasets = apply_fit_range(config, Datasets([datasets.stack_reduce(name="stacked")]))
    return datasets, failures


def reduce(config: AnalysisConfig, observations: Any = None, *, progress: bool = True) -> Any:
    """Reduce the observations of a configuration to spectra with off counts, or to cubes.

    An observation that fails is reported and left out.

    Parameters
    ----------
    config
        Configuration.
    observations
        Opened observations; those of the configuration if None.
    progress
        Show a progress bar.

    Returns
    -------
    datasets
        `gjax.datasets.Datasets`: one per observation, or a single one where the configuration says ``stack``.

    Raises
    ------
    ConfigError
        If energies are asked for that the responses do not cover, or nothing is left to fit.
    MissingDataError, DataFormatError
        If data are missing or broken.
    """
    observations = open_observations(config) if observations is None else observations
    if config.is_3d:
        from gjax.analysis.cube_reduction import reduce_cubes

        return reduce_cubes(config, observations, progress=progress)[0]
    return reduce_each(config, observations, progress=progress)[0]
