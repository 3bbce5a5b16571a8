"""The steps of a 3D analysis that are not those of spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gjax.analysis import cube_pictures
from gjax.analysis.cube_reduction import cube_geometry, reduce_cubes, runs_table
from gjax.analysis.result import AnalysisResult
from gjax.errors import ConfigError

if TYPE_CHECKING:
    from gjax.plot.cube_images import CubeImages

__all__ = ["CUBE_STAGES", "check_sources", "source_positions", "with_backgrounds"]

#: Priors of the norm and tilt of backgrounds that are added for sampling.
NORM_RANGE, TILT_RANGE = (0.0, 5.0), (-2.0, 2.0)


def check_sources(models: Any, config: Any) -> None:
    """Check that every source has a shape and can be seen in the cube.

    Raises
    ------
    ConfigError
        If it has none, or lies outside of the geometry although it is fitted.
    """
    geom = cube_geometry(config).to_image()
    table = models.parameter_table
    for model in models.sources:
        if model.spatial_model is None:
            raise ConfigError(f"model: source {model.name!r} has no 'spatial' part, which type 3d needs")
    free = [name.split(".")[0] for name, is_free in zip(table.names, table.free) if is_free]
    for name, position in source_positions(models).items():
        if name in free and not bool(np.all(geom.contains(position))):
            lon, lat = position.spherical.lon.deg, position.spherical.lat.deg
            raise ConfigError(
                f"model: source {name!r} at {lon:.4g} deg, {lat:.4g} deg ({position.frame.name}) lies outside of the "
                "geometry and cannot be fitted; freeze its parameters, or enlarge the geometry"
            )


def source_positions(models: Any) -> dict[str, Any]:
    """Return the positions of the sources that have one, by name."""
    return {
        model.name: model.spatial_model.position
        for model in models.sources
        if hasattr(model.spatial_model, "lon_0") and hasattr(model.spatial_model, "lat_0")
    }


def with_backgrounds(models: Any, datasets: Any, *, tilt: bool = False, priors: bool = False) -> Any:
    """Return models with a norm for the background of every dataset that has none yet.

    Parameters
    ----------
    models
        `gjax.models.Models`.
    datasets
        Map datasets.
    tilt
        Whether the tilts are free.
    priors
        Whether to give the new parameters uniform priors: norms 0 to 5, tilts -2 to 2.
    """
    from gjax.models import FoVBackgroundModel, Models, applies_to
    from gjax.parameters import UniformPrior

    bare = [
        dataset.name
        for dataset in datasets
        if dataset.background is not None and not any(applies_to(m, dataset.name) for m in models.backgrounds)
    ]
    if not bare:
        return models
    if len(bare) == 1:
        added = FoVBackgroundModel(bare[0])
    else:
        name = next(n for n in ("background", *(f"background-{i}" for i in range(99))) if n not in models.names)
        added = FoVBackgroundModel.for_datasets(bare, norm=np.ones(len(bare)), tilt=np.zeros(len(bare)), name=name)
    own = Models([added])
    if tilt:
        own = own.unfreeze("*.tilt*")
    if priors:
        own = own.with_priors({"*.norm*": UniformPrior(*NORM_RANGE)})
        own = own.with_priors({"*.tilt*": UniformPrior(*TILT_RANGE)}) if tilt else own
    return Models([*models, *own], priors=getattr(models, "priors", ()))


def reduce_data(result: AnalysisResult, models: Any, progress: bool) -> str:
    """Reduce to cubes, write them and the table of observations."""
    from gjax.analysis.stages import write_table

    datasets, failures, runs = reduce_cubes(result.config, result.observations, progress=progress)
    result.datasets = datasets
    kept = [one for one in result.observations if str(one.obs_id) not in failures]
    result.observations = kept
    for obs_id, message in failures.items():
        result.statements.append((False, f"observation {obs_id} was left out: {message}"))
    result.files["datasets"] = datasets.write(result.out / "datasets", overwrite=True).parent
    result.runs = runs_table(runs)
    write_table(result, "counts", result.runs)
    counts, background = (float(np.sum(result.runs[name])) for name in ("counts", "background"))
    return f"{len(runs)} observations, {counts:.0f} counts, {background:.1f} background"


def _reduced_images(result: AnalysisResult) -> CubeImages:
    from gjax.plot.cube_images import collect_images

    background = {d.name: d.counts.copy(data=0.0 * d.counts.data) for d in result.datasets}
    return collect_images(cube_geometry(result.config), result.datasets, background, {})


def draw_counts(result: AnalysisResult, models: Any, progress: bool) -> str:
    """Draw the counts on the sky."""
    from astropy.coordinates import SkyCoord

    pointings = SkyCoord([observation.get_pointing_icrs().icrs for observation in result.observations])
    exclusion = [circle.region for circle in result.config.background.exclusion_regions]
    result.files["counts_map"] = cube_pictures.cube_counts_figure(
        result.out / "counts_map.png", _reduced_images(result), exclusion, pointings, source_positions(models)
    )
    return "counts_map.png"


def _fitted_images(result: AnalysisResult) -> CubeImages:
    from gjax.plot.cube_images import collect_images

    likelihood, fit = result.likelihood, result.fit.models
    signals = {model.name: likelihood.npred_signal(fit, source=model.name) for model in fit.sources}
    geom = cube_geometry(result.config)
    return collect_images(geom, result.datasets, likelihood.npred_background(fit), signals)


def draw_fit(result: AnalysisResult, models: Any, progress: bool) -> str:
    """Draw maps, energy slices, parts of the model, residuals and spectra."""
    from gjax.plot.cube_maps import significance_images

    images = result.images = _fitted_images(result)
    positions = source_positions(result.fit.models)
    significances = significance_images(images)
    result.files.update(cube_pictures.save_cube_figures(result.out, images, significances, positions))
    _write_images(result, images, significances)
    return "sky_maps.png"


def _write_images(result: AnalysisResult, images: CubeImages, significances: dict[str, np.ndarray]) -> None:
    """Write the images as FITS files that any viewer opens."""
    from gjax.maps import WcsNDMap

    folder = result.out / "maps"
    folder.mkdir(exist_ok=True)
    geom = images.geom.to_image()
    found = {
        "counts": images.image(images.counts),
        "background": images.image(images.background),
        "excess": images.image(images.counts - images.background),
        "model": images.image(images.npred),
        "residual": images.image(images.counts - images.npred),
        "significance": significances["significance"],
        "residual_significance": significances["residual"],
        **{f"source_{name}": images.image(cube) for name, cube in images.signals.items()},
    }
    for name, image in found.items():
        WcsNDMap(geom, data=image).write(folder / f"{_file_name(name)}.fits", overwrite=True)
    result.files["maps"] = folder


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)


def _stages() -> list[tuple[str, Any, Any]]:
    from gjax.analysis import stages

    return [
        ("observations", stages.observe, None),
        ("reduction", reduce_data, None),
        ("counts map", draw_counts, None),
        ("fit", stages.fit_models, None),
        ("maps", draw_fit, None),
        ("flux points", stages.estimate_flux_points, stages.skip_flux_points),
        ("SED plot", stages.draw_sed, None),
        ("sampling", stages.sample_posterior, stages.skip_sampling),
    ]


CUBE_STAGES = _stages()
