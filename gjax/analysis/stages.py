"""The steps of an analysis. Each one writes its result when it has it, so that a later failure loses nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gjax.analysis import pictures
from gjax.analysis.reduction import open_observations, reduce_each
from gjax.analysis.result import AnalysisResult
from gjax.errors import ConfigError
from gjax.fits import expand_path, write_atomic

__all__ = ["STAGES", "read_models"]


def read_models(config: Any) -> Any:
    """Build the models of a configuration.

    Raises
    ------
    ConfigError
        If something in them is unknown, or a prior is missing although a posterior is asked for.
    """
    from gjax.models import Models

    if isinstance(config.model, str):
        models = Models.read(expand_path(config.model))
    else:
        content = config.model if isinstance(config.model, dict) else {"components": config.model}
        models = Models.from_dict(content, "model")
    sources = [model.name for model in models.sources]
    if not sources:
        raise ConfigError("model: there is no component of type SkyModel")
    chosen = config.flux_points.source
    if chosen is not None and chosen not in sources:
        raise ConfigError(f"flux_points.source: there is no source {chosen!r}; there are: {', '.join(sources)}")
    if config.is_3d:
        from gjax.analysis.cube_stages import check_sources

        check_sources(models, config)
    table = models.parameter_table
    missing = [n for n, free, prior in zip(table.names, table.free, table.priors) if free and prior is None]
    if config.sampling.enabled and missing:
        raise ConfigError(
            f"model: sampling needs a proper prior on every free parameter, and there is none on {', '.join(missing)}; "
            "add for example 'prior: {type: uniform, min: 0, max: 5}', or set 'sampling: {enabled: false}'"
        )
    return models


def write_table(result: AnalysisResult, kind: str, table: Any) -> None:
    """Write a table as ECSV and note it."""
    path = result.out / f"{kind}.ecsv"
    result.files[kind] = write_atomic(path, lambda p: table.write(p, format="ascii.ecsv"), overwrite=True)


def source_name(result: AnalysisResult) -> str:
    """Name of the source whose spectrum is shown."""
    return result.config.flux_points.source or result.fit.models.sources[0].name


def observe(result: AnalysisResult, models: Any, progress: bool) -> str:
    """Open the observations."""
    result.observations = open_observations(result.config)
    return f"{len(result.observations)} observations"


def reduce_data(result: AnalysisResult, models: Any, progress: bool) -> str:
    """Reduce, write OGIP files and the table of counts."""
    datasets, failures = reduce_each(result.config, result.observations, progress=progress)
    result.datasets = datasets
    result.observations = [one for one in result.observations if str(one.obs_id) not in failures]
    for obs_id, message in failures.items():
        result.statements.append((False, f"observation {obs_id} was left out: {message}"))
    result.files["datasets"] = datasets.write(result.out / "datasets", overwrite=True).parent
    write_table(result, "counts", datasets.info_table(cumulative=False))
    info = datasets.info_table(cumulative=True)[-1]
    return f"{int(info['counts'])} counts, {float(info['excess']):.1f} excess, {float(info['sqrt_ts']):.1f} sigma"


def draw_counts(result: AnalysisResult, models: Any, progress: bool) -> str:
    """Draw the events on the sky."""
    path = result.out / "counts_map.png"
    result.files["counts_map"] = pictures.counts_map_figure(path, result.observations, result.datasets, result.config)
    return "counts_map.png"


def fit_models(result: AnalysisResult, models: Any, progress: bool) -> str:
    """Fit, write model, parameters and covariance."""
    from astropy.table import Table

    import gjax

    config = result.config
    if config.is_3d:
        from gjax.analysis.cube_stages import with_backgrounds

        tilt, priors = config.background.tilt, config.sampling.enabled
        models = with_backgrounds(models, result.datasets, tilt=tilt, priors=priors)
    result.likelihood = gjax.Likelihood(list(result.datasets), models)
    fit = result.fit = result.likelihood.fit()
    path = result.out / "model.yaml"
    fit.models.write(path, overwrite=True)
    result.files["model"] = path
    write_table(result, "parameters", fit.to_table())
    columns = {"name": list(fit.free_names), **dict(zip(fit.free_names, np.asarray(fit.covariance).T))}
    write_table(result, "covariance", Table(columns))
    verdict = "the fit converged" if fit.success else "the fit cannot be trusted"
    size = f"{result.likelihood.n_bins} bins and {len(fit.free_names)} free parameters"
    text = f"{verdict} ({fit.message}); statistic {fit.total_stat:.2f} with {size}"
    result.statements.append((bool(fit.success), text))
    for message in result.likelihood.undefined:
        result.statements.append((True, f"left out: {message}"))
    return f"statistic {fit.total_stat:.2f}"


def predicted_signal(result: AnalysisResult) -> tuple[np.ndarray, np.ndarray]:
    """Predicted excess summed over datasets, and its error by the delta method with central differences."""
    fit, datasets = result.fit, result.datasets

    def at(models: Any) -> np.ndarray:
        maps = result.likelihood.npred_signal(models)
        return pictures.sum_prediction(datasets, {name: np.asarray(m.data) for name, m in maps.items()})

    covariance = np.asarray(fit.covariance)
    steps = 0.1 * np.sqrt(np.diag(covariance))
    best = at(fit.models)
    if not np.all(np.isfinite(steps)) or np.any(steps <= 0):
        return best, np.full_like(best, np.nan)
    values = [fit[name][0] for name in fit.free_names]
    jacobian = [
        (at(fit.models.with_values({name: v + h})) - at(fit.models.with_values({name: v - h}))) / (2 * h)
        for name, v, h in zip(fit.free_names, values, steps)
    ]
    jacobian_array = np.array(jacobian)
    return best, np.sqrt(np.maximum(np.einsum("ib,ij,jb->b", jacobian_array, covariance, jacobian_array), 0.0))


def draw_fit(result: AnalysisResult, models: Any, progress: bool) -> str:
    """Draw the excess with fit and residuals."""
    stacked = pictures.stack_counts(result.datasets)
    signal, error = predicted_signal(result)
    shown = error if np.all(np.isfinite(error)) else None
    title = (
        f"{len(result.datasets)} datasets, statistic {result.fit.total_stat:.1f} with {result.likelihood.n_bins} bins"
    )
    path = result.out / "excess.png"
    result.files["excess"] = pictures.excess_figure(path, stacked, signal, shown, title)
    result.files["counts_spectrum"] = pictures.counts_figure(result.out / "counts_spectrum.png", stacked, signal)
    return "excess.png"


def estimate_flux_points(result: AnalysisResult, models: Any, progress: bool) -> str:
    """Estimate flux points and write them."""
    import astropy.units as u

    from gjax.estimators import FluxPointsEstimator

    edges = result.config.flux_points.axis.edges() * u.TeV
    estimator = FluxPointsEstimator(edges, source=source_name(result))
    result.flux_points = estimator.run(result.fit.likelihood)
    write_table(result, "flux_points", result.flux_points.to_table("dnde"))
    limits = int(np.sum(result.flux_points.is_ul))
    return f"{len(result.flux_points.e_ref)} points, {limits} of them upper limits"


def _fitted_energies(datasets: Any) -> tuple[float, float]:
    """Lowest and highest energy [TeV] of the bins that any dataset uses."""
    bounds = [d.energy_range for d in datasets if d.mask is None or np.any(d.mask.data)]
    low, high = (np.concatenate([np.ravel(b[i].to_value("TeV")) for b in bounds]) for i in (0, 1))
    return float(np.nanmin(low)), float(np.nanmax(high))


def draw_sed(result: AnalysisResult, models: Any, progress: bool) -> str:
    """Draw the spectral energy distribution."""
    import astropy.units as u

    name = source_name(result)
    low, high = _fitted_energies(result.datasets)
    energy = np.geomspace(low, high, 160)
    value, error = result.fit.dnde(name, energy * u.TeV)
    value, error = (np.asarray(q.to_value("TeV-1 cm-2 s-1")) * energy**2 for q in (value, error))
    truth = None
    if result.truth_models is not None:
        true = result.truth_models[name].spectral_model(energy * u.TeV)
        truth = np.asarray(true.to_value("TeV-1 cm-2 s-1")) * energy**2
    path = result.out / "sed.png"
    result.files["sed"] = pictures.sed_figure(
        path, energy, value, error, result.flux_points, truth, f"{name}, best fit"
    )
    return "sed.png"


def sample_posterior(result: AnalysisResult, models: Any, progress: bool) -> str:
    """Sample the posterior, write summary and samples, and draw them."""
    import jax
    from astropy.table import Table

    settings = result.config.sampling
    posterior = result.posterior = result.likelihood.sample(
        jax.random.key(result.config.general.seed),
        n_samples=settings.samples,
        n_warmup=settings.warmup,
        n_chains=settings.chains,
        result=result.fit,
        progress=progress,
    )
    verdict = "sampling converged" if posterior.converged else "the posterior cannot be trusted"
    draws = sum(np.asarray(d).size for d in posterior.samples.values()) // max(1, len(posterior.samples))
    text = f"{verdict} ({posterior.message}); {draws} draws in {settings.chains} chains"
    result.statements.append((bool(posterior.converged), f"{text}, {posterior.divergences} divergences"))
    write_table(result, "posterior", posterior.summary())
    chains, size = next(iter(posterior.samples.values())).shape
    columns = {"chain": np.repeat(np.arange(chains), size)}
    write_table(
        result, "samples", Table({**columns, **{n: np.asarray(d).ravel() for n, d in posterior.samples.items()}})
    )
    best = {name: result.fit[name][0] for name in posterior.samples}
    flat = {name: np.asarray(draws).ravel() for name, draws in posterior.samples.items()}
    path = result.out / "corner.png"
    result.files["corner"] = pictures.corner_figure(path, flat, posterior.units, best, result.truth)
    return f"{draws} draws"


def skip_flux_points(result: AnalysisResult) -> bool:
    """Whether no flux points are asked for."""
    return result.config.flux_points.axis is None


def skip_sampling(result: AnalysisResult) -> bool:
    """Whether no posterior is asked for."""
    return not result.config.sampling.enabled


STAGES: list[tuple[str, Any, Any]] = [
    ("observations", observe, None),
    ("reduction", reduce_data, None),
    ("counts map", draw_counts, None),
    ("fit", fit_models, None),
    ("spectrum plot", draw_fit, None),
    ("flux points", estimate_flux_points, skip_flux_points),
    ("SED plot", draw_sed, None),
    ("sampling", sample_posterior, skip_sampling),
]


def write_config(result: AnalysisResult) -> Path:
    """Write the configuration that was used."""
    return result.config.write(result.out / "config.yaml", overwrite=True)
