"""Light curves with free parameters beside the norm: one fit per interval and band, in batches."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import numpy as np
from jax import Array

from gjax.errors import FitError
from gjax.estimators._lanes import Lanes
from gjax.estimators._refits import own_leaves, refit
from gjax.estimators._time_intervals import TimeIntervals
from gjax.estimators.flux_points import make_lanes
from gjax.freeze import Likelihood, compiled_spectrum
from gjax.freeze._datasets import ladder
from gjax.likelihood import CashSpectra, OnOffSpectra, Problem
from gjax.models import AbstractSpectralModel, Models, ScaleSpectralModel, SkyModel, applies_to
from gjax.parameters import Parameter, ParameterField, parameter

__all__ = ["BandFluxSpectralModel", "Question", "check_free", "fit_lanes", "models_to_fit"]

log = logging.getLogger(__name__)


class BandFluxSpectralModel(AbstractSpectralModel):
    """A spectrum whose photon flux in a band is a number times a given one, whatever its shape.

    With a free shape the norm is that of the flux, and errors and limits of the norm are those of the flux.

    Parameters
    ----------
    model
        The shape.
    norm
        The number.
    band_flux
        Photon flux at norm 1 [s-1 cm-2].
    band_min, band_max
        The band [TeV].
    """

    tag: ClassVar[str] = ""
    model: AbstractSpectralModel
    norm: ParameterField = parameter(1.0)
    band_flux: ParameterField = parameter(1e-12, "cm-2 s-1", frozen=True)
    band_min: ParameterField = parameter(1.0, "TeV", frozen=True)
    band_max: ParameterField = parameter(10.0, "TeV", frozen=True)

    def _factor(self) -> Array:
        return self.norm * self.band_flux / self.model.integrate(self.band_min, self.band_max, 32)

    def evaluate(self, energy: Array) -> Array:
        return self._factor() * self.model.evaluate(energy)

    def integrate(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self._factor() * self.model.integrate(energy_min, energy_max, nodes)

    def integrate_energy(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self._factor() * self.model.integrate_energy(energy_min, energy_max, nodes)


def check_free(model: SkyModel, free: Sequence[str]) -> None:
    """Check that parameters of a source's spectrum can be free beside a norm.

    Raises
    ------
    ValueError
        If there is no such parameter, or it is a norm itself.
    """
    known = model.spectral_model.parameters
    shapes = [name for name, value in known.items() if name != "norm" and "cm" not in str(value.unit)]
    for name in free:
        if name not in shapes:
            what = "is a norm itself" if name in known else f"is no parameter of {type(model.spectral_model).__name__}"
            raise ValueError(f"free: {name!r} {what}; expected some of {', '.join(shapes)}")


def models_to_fit(models: Models, source: str, free: Sequence[str], reoptimize: bool) -> Models:
    """Return the models with a norm on the spectrum of a source, and with what else is to be free.

    Raises
    ------
    FitError
        If the spectral model of the source has a parameter called "norm" already.
    """
    rest = models.freeze(f"{source}.*") if reoptimize else models.freeze("*")
    if free:
        rest = rest.unfreeze(*(f"{source}.spectral.{name}" for name in free))
    out = []
    for model in rest:
        if model.name == source:
            if "norm" in model.spectral_model.parameters:
                raise FitError(f"source {source!r}: its spectral model already has a parameter called 'norm'")
            norm = Parameter(1.0, scale=1.0)
            kind: Any = BandFluxSpectralModel if free else ScaleSpectralModel
            model = dataclasses.replace(model, spectral_model=kind(model.spectral_model, norm))
        out.append(model)
    return Models(out)


def _masks_and_values(problem: Problem) -> list[Any]:
    return [*(bucket.mask for bucket in problem.buckets), problem.table.value]


def _of_datasets(problem: Problem) -> list[Any]:
    """Return what belongs to single datasets in a problem of one bucket of spectra, and the values."""
    return [
        problem.buckets[0],
        *(group.applies[0] for group in problem.groups),
        *(part[0] for part in problem.columns.sources),
        *(problem.instruments or ()),
        problem.table.value,
    ]


def _gathered(problem: Problem, members: np.ndarray, masks: np.ndarray, values: np.ndarray) -> list[Any]:
    """Return the parts of `_of_datasets` for many fits, each with its own datasets.

    Parameters
    ----------
    problem
        The likelihood of all datasets.
    members
        Rows of the datasets of every fit, shape (fits, datasets).
    masks
        Their masks, shape (fits, datasets, bins).
    values
        Values of all parameters, shape (fits, n).
    """
    bucket = jax.tree_util.tree_map(lambda leaf: np.asarray(leaf)[members], problem.buckets[0])
    bucket = eqx.tree_at(lambda b: b.mask, bucket, masks)
    sources = [group.applies[0] for group in problem.groups] + [part[0] for part in problem.columns.sources]
    # of these the datasets are the second axis, after the sources
    picked = [np.moveaxis(np.asarray(leaf)[:, members], 0, 1) for leaf in sources]
    nuisances = jax.tree_util.tree_map(lambda leaf: np.asarray(leaf)[members], list(problem.instruments or ()))
    return [bucket, *picked, *nuisances, values]


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of every interval."""

    source: str
    free: tuple[str, ...]
    reoptimize: bool
    low: np.ndarray
    high: np.ndarray
    flux: np.ndarray
    scan: Any
    n_sigma: Any
    n_sigma_ul: Any

    def ask(self, fitted: Likelihood, own: Any, position: int) -> dict[str, np.ndarray]:
        """Return what `refit` finds."""
        n_free = len(fitted.free_names)
        return refit(fitted.problem, own, fitted.start, position, n_free, self.scan, self.n_sigma, self.n_sigma_ul)

    def prepare(self, likelihood: Likelihood) -> tuple[Likelihood, np.ndarray, list[int]]:
        """Return the likelihood to fit, its parameters per band, and the places of norm and free parameters."""
        fitted = likelihood.with_models(models_to_fit(likelihood.models, self.source, self.free, self.reoptimize))
        names = list(fitted.table.names)
        values = np.tile(np.asarray(fitted.problem.table.value), (len(self.low), 1))
        if self.free:
            for name, column in (("band_flux", self.flux), ("band_min", self.low), ("band_max", self.high)):
                values[:, names.index(f"{self.source}.spectral.{name}")] = column
        norm = fitted.free_names.index(f"{self.source}.spectral.norm")
        prefix = f"{self.source}.spectral."
        places = [norm]
        for wanted in self.free:
            places += [
                i
                for i, name in enumerate(fitted.free_names)
                if name.startswith(prefix) and name.endswith(f".{wanted}") and i not in places
            ][:1]
        return fitted, values, places


def _is_one_batch(likelihood: Likelihood, problem: Problem) -> bool:
    """Tell whether all datasets are constant spectra of one bucket under models that do not know them apart."""
    kinds = likelihood.frozen.kinds
    plain = len(kinds) == 1 and issubclass(kinds[0], CashSpectra | OnOffSpectra)
    steady = all(group.temporal is None for group in problem.groups) and problem.columns.local is None
    return plain and steady and all(getattr(model, "datasets_names", None) is None for model in likelihood.models)


def fit_lanes(
    likelihood: Likelihood, lanes: Lanes, intervals: TimeIntervals, question: Question, *, progress: bool = True
) -> dict[str, np.ndarray]:
    """Return norms, errors, limits, test statistics and scans of all intervals and bands, other parameters refitted.

    Spectra of one bucket are one batch; otherwise intervals come one after the other, each with its own datasets and
    the models that act on them.

    Parameters
    ----------
    likelihood
        The likelihood at the reference.
    lanes
        Its lanes.
    intervals
        Where datasets belong.
    question
        What is asked.
    progress
        Show a progress bar if it takes longer.

    Returns
    -------
    values
        Arrays of shape (time, energy, ...), of intervals without datasets NaN; the free parameters and their errors by
        name. Where intervals went one by one, ``is_missing`` tells which were not reached before Ctrl-C.
    """
    fitted, values, places = question.prepare(likelihood)
    if _is_one_batch(likelihood, fitted.problem):
        found = _in_one_batch(fitted, lanes, intervals, values, places[0], question)
        return _named(found, fitted, places, question, values)
    from tqdm import tqdm

    results: dict[int, dict[str, np.ndarray]] = {}
    numbers = [number for number in range(len(intervals)) if intervals.members(number)]
    try:
        for number in tqdm(numbers, desc="intervals", disable=None if progress and len(numbers) > 3 else True):
            datasets = [likelihood.datasets[i] for i in intervals.members(number)]
            names = [dataset.name for dataset in datasets]
            models = Models([m for m in likelihood.models if any(applies_to(m, name) for name in names)])
            own = Likelihood(datasets, models).by_energy()
            here = make_lanes(own, question.source, question.low, question.high)
            fitted, values, places = question.prepare(own)
            bands = np.arange(len(question.low))[:, np.newaxis, np.newaxis]
            masks = [np.asarray(lane) == bands for lane in here.lane]
            parts = own_leaves(fitted.problem, _masks_and_values, jax.device_put([*masks, values]))
            got = question.ask(fitted, parts, places[0])
            rows = {key: np.asarray(value)[np.newaxis] for key, value in got.items()}
            results[number] = _named(rows, fitted, places, question, values)
    except KeyboardInterrupt:
        if not results:
            raise
        log.warning(f"interrupted: {len(results)} of {len(numbers)} intervals are done")
    out = {
        key: np.full((len(intervals), *value.shape[1:]), False if value.dtype == bool else np.nan)
        for key, value in next(iter(results.values())).items()
    }
    for number, result in results.items():
        for key, value in result.items():
            out[key][number] = value[0]
    return out | {"is_missing": np.isin(np.arange(len(intervals)), [n for n in numbers if n not in results])}


def _in_one_batch(
    fitted: Likelihood,
    lanes: Lanes,
    intervals: TimeIntervals,
    values: np.ndarray,
    position: int,
    question: Question,
) -> dict[str, np.ndarray]:
    bands = len(values)
    place = {i: row for row, i in enumerate(fitted.frozen.members[0])}
    rows = [[place[i] for i in intervals.members(number)] for number in range(len(intervals))]
    size = max(len(found) for found in rows)
    members = np.array([found + [0] * (size - len(found)) for found in rows], dtype=np.int32)
    real = np.array([[True] * len(found) + [False] * (size - len(found)) for found in rows])
    lane = np.asarray(lanes.lane[0])[members]
    wanted = np.arange(len(rows) * bands).reshape(len(rows), bands, 1, 1)
    masks = (lane[:, np.newaxis] == wanted) & real[:, np.newaxis, :, np.newaxis]
    masks = masks.reshape(-1, *masks.shape[2:])
    # lanes without bins, and those that fill up, do what another does: nobody waits for them, nor looks at them
    is_empty = ~masks.any(axis=(1, 2))
    same = np.where(is_empty, int(np.argmin(is_empty)), np.arange(len(is_empty)))
    same = np.append(same, np.full(ladder(len(same)) - len(same), same[0]))
    parts = _gathered(fitted.problem, members[same // bands], masks[same], values[same % bands])
    own = own_leaves(fitted.problem, _of_datasets, jax.device_put(parts))
    found = question.ask(fitted, own, position)
    return {key: value[: len(is_empty)].reshape(len(rows), bands, *value.shape[1:]) for key, value in found.items()}


def _named(
    found: dict[str, np.ndarray], fitted: Likelihood, places: list[int], question: Question, values: np.ndarray
) -> dict[str, np.ndarray]:
    """Return free parameters by name in place of the free vector, and the fluxes that norm 1 means."""
    x, x_err = found.pop("x"), found.pop("x_err")
    scale = fitted.scale
    for name, i in zip(question.free, places[1:]):
        found[name], found[f"{name}_err"] = x[..., i] * scale[i], x_err[..., i] * scale[i]
    if question.free:
        found |= _reference(fitted, x, places, question, values)
    return found


def _reference(
    fitted: Likelihood, x: np.ndarray, places: list[int], question: Question, values: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the fluxes of norm 1 in every interval and band, with the shapes that fitted there."""
    skeletons, _ = fitted.models.freeze_tree()
    skeleton = skeletons[fitted.models.names.index(question.source)].spectral_model
    index = np.asarray(fitted.problem.index)
    theta = np.broadcast_to(values, (len(x), *values.shape)).copy()
    for i in places[1:]:
        theta[..., index[i]] = x[..., i] * fitted.scale[i]
    energies = np.sqrt(question.low * question.high), question.low, question.high
    many = jax.vmap(jax.vmap(compiled_spectrum, in_axes=(None, 0, 0, 0, 0)), in_axes=(None, 0, None, None, None))
    parts = many(skeleton, *jax.device_put((theta, *energies)))
    return {f"ref_{name}": np.asarray(part) for name, part in zip(("dnde", "flux", "eflux"), parts)}
