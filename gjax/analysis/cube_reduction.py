"""From a configuration to cubes: one per observation, or all of them stacked."""

from __future__ import annotations

from typing import Any

import numpy as np

from gjax.analysis.config import AnalysisConfig
from gjax.analysis.reduction import apply_fit_range, check_energies, require_any
from gjax.errors import ConfigError

__all__ = ["STACKED", "cube_geometry", "empty_cube", "reduce_cubes", "runs_table"]

#: Name of the sum of all observations.
STACKED = "stacked"


def cube_geometry(config: AnalysisConfig) -> Any:
    """Return the geometry of the cubes of a configuration.

    Examples
    --------
    >>> cube_geometry(AnalysisConfig.default("3d")).data_shape
    (16, 250, 250)
    """
    from gjax.maps import MapAxis, WcsGeom

    settings = config.geometry
    if settings is None:
        raise ConfigError("geometry: the key 'geometry' is missing, which type 3d needs")
    energy = MapAxis.from_energy_edges(config.energy.edges(), unit="TeV", name="energy")
    return WcsGeom.create(
        skydir=settings.center,
        width=settings.size,
        binsz=settings.binsz,
        proj=settings.proj,
        frame=settings.frame,
        axes=[energy],
    )


def empty_cube(config: AnalysisConfig) -> Any:
    """Return the empty dataset that observations are reduced into."""
    from gjax.datasets import MapDataset
    from gjax.maps import MapAxis

    energy_true = MapAxis.from_energy_edges(config.energy_true.edges(), unit="TeV", name="energy_true")
    binsz = "0.2 deg" if config.geometry is None else config.geometry.binsz_irf
    return MapDataset.create(cube_geometry(config), energy_axis_true=energy_true, binsz_irf=binsz, name=STACKED)


def cube_makers(config: AnalysisConfig) -> list[Any]:
    """Return the makers of a configuration."""
    import astropy.units as u

    from gjax.fits import expand_path
    from gjax.makers import FoVBackgroundMaker, MapDatasetMaker, SafeMaskMaker

    background, mask = config.background, config.safe_mask
    makers: list[Any] = [
        MapDatasetMaker(),
        SafeMaskMaker(
            methods=list(mask.methods),
            aeff_percent=mask.aeff_percent,
            bias_percent=mask.bias_percent,
            offset_max=u.Quantity(mask.offset_max),
        ),
    ]
    if background.method == "none":
        return makers
    exclusion: Any = [circle.region for circle in background.exclusion_regions] or None
    if background.exclusion_mask is not None:
        if exclusion:
            raise ConfigError("background: give exclusion_regions or exclusion_mask, not both")
        exclusion = expand_path(background.exclusion_mask)
    spectrum: Any = "pl-norm"
    if background.tilt:
        from gjax.models import PowerLawNormSpectralModel
        from gjax.parameters import Parameter

        spectrum = PowerLawNormSpectralModel(tilt=Parameter(0.0))
    makers.append(FoVBackgroundMaker(method="fit", exclusion_mask=exclusion, spectral_model=spectrum))
    return makers


def runs_table(runs: list[Any]) -> Any:
    """Return counts, background and its norm per reduced observation, within the safe bins."""
    from gjax.datasets import Datasets

    table = Datasets(runs).info_table(cumulative=False)
    for name in ("bkg_norm", "bkg_norm_err", "bkg_tilt"):
        values = [float(run.meta.get(name, np.nan)) for run in runs]
        if np.any(np.isfinite(values)) and (name != "bkg_tilt" or np.any(values)):
            table[name] = values
    return table


def reduce_cubes(
    config: AnalysisConfig, observations: Any, *, progress: bool = True
) -> tuple[Any, dict[str, str], list[Any]]:
    """Reduce observations to cubes; what fails is left out and returned with its reason.

    Parameters
    ----------
    config
        Configuration of type 3d.
    observations
        Opened observations.
    progress
        Show a progress bar.

    Returns
    -------
    datasets, failures, runs
        Datasets to fit, messages by observation id, and the dataset of every observation.

    Raises
    ------
    ConfigError
        If energies are asked for that the responses do not cover, or nothing is left to fit.
    MissingDataError, DataFormatError
        If no observation can be reduced.
    """
    from gjax.datasets import Datasets, stack_map_datasets
    from gjax.makers import DatasetsMaker

    check_energies(config, observations)
    empty = empty_cube(config)
    found = DatasetsMaker(cube_makers(config), progress=progress).run_each(empty, observations)
    require_any(found)
    failures = {str(run.obs_id): str(run.error) for run in found if run.error is not None}
    runs = []
    for run in found:
        if run.error is not None:
            continue
        if run.dataset.mask_safe is None or np.any(run.dataset.mask_safe.data):
            runs.append(run.dataset)
        else:
            failures[str(run.obs_id)] = "no bin of it is safe (a warning above says why)"
    if not runs:
        return apply_fit_range(config, Datasets([run.dataset for run in found if run.error is None])), failures, runs
    if config.reduction.stack:
        return apply_fit_range(config, Datasets([stack_map_datasets(empty, runs, name=STACKED)])), failures, runs
    fitted = apply_fit_range(config, Datasets(runs))
    kept = [dataset for dataset in fitted if dataset.mask is None or np.any(dataset.mask.data)]
    for dataset in fitted:
        if dataset not in kept:
            failures[dataset.name] = "no safe bin of it is within the energy range of the fit"
    return Datasets(kept), failures, runs
