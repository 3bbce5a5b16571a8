"""The likelihood that people hold: datasets and models, frozen once, asked many times."""

from __future__ import annotations

import copy
import dataclasses
import functools
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.errors import FitError
from gjax.freeze import _compiled as compiled
from gjax.freeze._datasets import FrozenDatasets, freeze_datasets
from gjax.freeze._devices import replicated, spread_problem
from gjax.freeze._folding_errors import folding_errors
from gjax.freeze._folds import GroupFolds, off_the_map
from gjax.freeze._garbage import nothing_collected
from gjax.freeze._images import cube_backgrounds, cube_signals
from gjax.freeze._models import Built, build_problem, source_kinds
from gjax.freeze._posterior import Posterior
from gjax.freeze._result import FitResult, fit_result
from gjax.freeze._sampling import sample_posterior
from gjax.freeze._sizes import larger_sizes
from gjax.freeze._weighted import WeightedPosterior
from gjax.likelihood import CorrelatedFluxPointSets, Problem
from gjax.models import Models, TemplateNPredModel

if TYPE_CHECKING:
    from gjax.freeze._starts import MultiStart

__all__ = ["Likelihood"]

log = logging.getLogger(__name__)


class Likelihood:
    """The joint likelihood of datasets under models.

    Parameters
    ----------
    datasets
        One dataset or a list: spectra and cubes (with known or measured background) and flux points in any mix.
    models
        A `SkyModel`, a list of models, or `Models`; backgrounds, templates and instruments act on their datasets.

    Raises
    ------
    FitError
        If a dataset cannot be fitted (no off region, NaN inside the mask, ...) or there is no source.

    Examples
    --------
    >>> import numpy as np
    >>> import gjax
    >>> from gjax.datasets import FluxPoints, FluxPointsDataset
    >>> from gjax.models import PowerLawSpectralModel, SkyModel
    >>> import astropy.units as u
    >>> flux = np.array([1.1e-11, 1.2e-12, 0.9e-13]) * u.Unit("cm-2 s-1 TeV-1")
    >>> points = FluxPoints.from_arrays(e_ref=[1, 3, 10] * u.TeV, dnde=flux, dnde_err=0.1 * flux)
    >>> model = SkyModel(PowerLawSpectralModel(amplitude="1e-11 cm-2 s-1 TeV-1"), name="crab")
    >>> likelihood = gjax.Likelihood(FluxPointsDataset(points, name="points"), model)
    >>> result = likelihood.fit()
    >>> result.success
    True
    >>> round(float(result.models["crab"].spectral_model.index.value), 2)
    2.09
    """

    def __init__(self, datasets: Any, models: Any, *, _from: Likelihood | None = None) -> None:
        is_many = isinstance(datasets, Sequence) or (hasattr(datasets, "__iter__") and hasattr(datasets, "__len__"))
        self.datasets: list[Any] = list(datasets) if is_many else [datasets]
        if not self.datasets:
            raise FitError("there is no dataset to fit")
        self.frozen: FrozenDatasets = freeze_datasets(self.datasets) if _from is None else _from.frozen
        names = self.names
        for name in names:
            if names.count(name) > 1:
                raise FitError(f"two datasets are called {name!r}: names must be unique")
        self.models = models if isinstance(models, Models) else Models(models)
        self.table = self.models.parameter_table
        self.devices: tuple[Any, ...] = () if _from is None else _from.devices
        self._known: Built | None = None if _from is None or not self.frozen.cubes else _from._built
        is_new = _from is None or not set(self.models.names) <= set(_from.models.names)
        # a result carries a likelihood that is often asked for its table only: its arrays are made when needed
        if is_new or self.frozen.cubes:
            _ = self._built
        if is_new:
            for message in (*self.frozen.undefined, *self.notes):
                log.warning(message)
            if not jax.config.read("jax_enable_x64"):
                log.warning("single precision: expect fits good to 1e-2 sigma; call gjax.enable_x64() for more")

    @functools.cached_property
    def _built(self) -> Built:
        # perhaps asked for first inside a function that JAX traces: the arrays are kept, so they must be arrays
        with nothing_collected(), jax.ensure_compile_time_eval():
            built = build_problem(self.models, self.datasets, self.frozen, self._known)
            self._known = None
            if not self.devices:
                return built
            return dataclasses.replace(built, problem=spread_problem(built.problem, self.devices))

    @property
    def problem(self) -> Problem:
        """The arrays that the compiled functions see."""
        return self._built.problem

    @property
    def folds(self) -> tuple[GroupFolds | None, ...]:
        """What each group of sources needs of cubes; None for one that acts on none."""
        return self._built.folds

    def __repr__(self) -> str:
        return self._summary({})

    @property
    def names(self) -> list[str]:
        """Names of the datasets."""
        return [str(dataset.name) for dataset in self.datasets]

    @property
    def free_names(self) -> list[str]:
        """Names of the free parameters, in the order of the free vector."""
        return [name for name, free in zip(self.table.names, self.table.free) if free]

    @property
    def undefined(self) -> tuple[str, ...]:
        """Messages about bins that are left out because their statistic is not defined."""
        return self.frozen.undefined

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages about cubes that are probably not meant so: counts without background, sources off the map."""
        if not self.frozen.cubes:
            return ()
        found = [
            f"dataset {cube.name!r}: {bare} bins have counts but no background; only sources can explain them"
            for cube in self.frozen.cubes.values()
            if cube.background.any() and (bare := int((cube.mask & (cube.counts > 0) & (cube.background <= 0)).sum()))
        ]
        for folds in self.folds:
            found += off_the_map(folds, self.names, self.frozen) if folds else []
        return tuple(found)

    @property
    def n_bins(self) -> int:
        """Number of bins that enter the statistic."""
        cubes = sum(int(cube.mask.sum()) for cube in self.frozen.cubes.values())
        others = [bucket for bucket in self.frozen.buckets if bucket is not None]
        return cubes + sum(int(np.sum(np.asarray(bucket.mask))) for bucket in others)

    @property
    def scale(self) -> np.ndarray:
        """Scales of the free parameters: parameter = origin + scale * x, and origins are 0 but for dates."""
        return self.table.scales[self.table.free]

    @property
    def x0(self) -> Array:
        """The free vector at the models' values, in units of `scale`."""
        return jax.device_put(self.table.counted[self.table.free] / self.scale)

    @property
    def start(self) -> Array:
        """The same with the spare places that compiled functions expect."""
        x = np.zeros(self.problem.index.shape[0])
        x[: len(self.scale)] = self.table.counted[self.table.free] / self.scale
        return jax.device_put(x, replicated(self.devices) if self.devices else None)

    def padded(self, x: Any) -> Any:
        """Return a free vector with the spare places that compiled functions expect."""
        x = x if isinstance(x, jax.core.Tracer) else np.asarray(x)
        n = int(np.count_nonzero(self.table.free))
        if x.shape != (n,):
            raise ValueError(f"x: expected shape ({n},) for {self.free_names}, got {x.shape}")
        size = self.problem.index.shape[0]
        if isinstance(x, jax.core.Tracer):
            return jnp.pad(x.astype(jnp.result_type(float)), (0, size - n))
        # not yet on the device: to bring it there apart from the call takes a quarter of a statistic
        out = np.zeros(size, jnp.result_type(float))
        out[:n] = x
        return out

    def statistic(self, x: Any) -> Array:
        """Return the fit statistic (-2 ln L up to a constant of the data, plus -2 ln prior) at a free vector.

        A pure function: hand it to `jax.grad`, `jax.hessian`, `jax.vmap` or any other tool.

        Parameters
        ----------
        x
            Free parameters in units of `scale`, in the order of `free_names`.
        """
        return compiled.compiled_statistic(self.problem, self.padded(x))

    def x_of(self, models: Models | None) -> Array:
        """Return the padded free vector of other values of the same models."""
        likelihood = self if models is None else self.with_models(models)
        return likelihood.start

    def with_models(self, models: Any) -> Likelihood:
        """Return the likelihood of other models on the same frozen data; same kinds of models compile nothing."""
        return Likelihood(self.datasets, models, _from=self)

    def by_energy(self) -> Likelihood:
        """Return the same likelihood with the bins of cubes without counts summed per energy, not all together.

        Fits need one sum; whoever tells energies apart needs one each.
        """
        likelihood = copy.copy(self)
        likelihood._known = self._built if self.frozen.cubes else None
        likelihood.frozen = dataclasses.replace(self.frozen, by_energy=True)
        likelihood.__dict__.pop("_built", None)
        return likelihood

    def every_bin(self) -> Likelihood:
        """Return the same likelihood with every bin of cubes inside the masks kept by itself, with counts or without.

        Fits need only those with counts; whoever draws other counts, or asks what to expect, needs all. Events are put
        into bins.
        """
        likelihood = copy.copy(self)
        likelihood._known = None
        cubes = {i: dataclasses.replace(cube, every_bin=True, events=None) for i, cube in self.frozen.cubes.items()}
        likelihood.frozen = dataclasses.replace(self.frozen, cubes=cubes)
        if cubes:
            likelihood.__dict__.pop("_built", None)
        return likelihood

    def with_folding(self, methods: Mapping[str, str]) -> Likelihood:
        """Return the same likelihood with sources folded into cubes as told, not as chosen; see `describe`.

        Parameters
        ----------
        methods
            By name of the source "point", "radial", "grid" or "fixed"; an empty one chooses again.

        Raises
        ------
        FitError
            If a source cannot be folded that way.
        KeyError
            If there is no such source.
        """
        for name in methods:
            self.locate(name)
        likelihood = copy.copy(self)
        likelihood._known = None
        likelihood.frozen = dataclasses.replace(self.frozen, folding=dict(methods))
        likelihood.__dict__.pop("_built", None)
        _ = likelihood._built
        return likelihood

    def on_devices(self, devices: Sequence[Any] | None = None) -> Likelihood:
        """Return the same likelihood with its datasets spread over several devices.

        Everything else stays as it is. With several processes, each calls this with all datasets, after
        `jax.distributed.initialize`.

        Parameters
        ----------
        devices
            JAX devices; all of them by default.

        Raises
        ------
        ValueError
            If the list is empty.
        """
        likelihood = copy.copy(self)
        likelihood.devices = tuple(jax.devices() if devices is None else devices)
        if not likelihood.devices:
            raise ValueError("devices: expected at least one")
        likelihood._known = self._built if self.frozen.cubes else None
        likelihood.__dict__.pop("_built", None)
        return likelihood

    def with_values(self, values: Mapping[str, Any]) -> Likelihood:
        """Return a likelihood with other parameter values; see `Models.with_values`."""
        return self.with_models(self.models.with_values(values))

    def with_priors(self, priors: Mapping[str, Any]) -> Likelihood:
        """Return a likelihood with priors on the matching parameters; see `Models.with_priors`."""
        return self.with_models(self.models.with_priors(priors))

    def freeze(self, *patterns: str) -> Likelihood:
        """Return a likelihood with the matching parameters frozen (``"background.*"``)."""
        return self.with_models(self.models.freeze(*patterns))

    def unfreeze(self, *patterns: str) -> Likelihood:
        """Return a likelihood with the matching parameters free."""
        return self.with_models(self.models.unfreeze(*patterns))

    def stat_sum(self, models: Models | None = None) -> float:
        """Return the fit statistic at the models' values (or those of other models of the same kind)."""
        likelihood = self if models is None else self.with_models(models)
        return float(compiled.compiled_statistic(likelihood.problem, likelihood.start))

    def _spread(self, per_bucket: Sequence[Any]) -> dict[str, np.ndarray]:
        out: dict[int, np.ndarray] = {}
        for bucket, members, values in zip(self.frozen.buckets, self.frozen.members, per_bucket):
            rows = np.asarray(values)
            for number, (row, i) in enumerate(zip(rows, members)):
                out[i] = row[: (size := self.frozen.sizes[i])]
                if isinstance(bucket, CorrelatedFluxPointSets):
                    out[i] = np.linalg.solve(np.asarray(bucket.whiten[number, :size, :size]), out[i])
        return {self.names[i]: out[i] for i in range(len(self.datasets))}

    def _as_maps(self, arrays: dict[str, np.ndarray], cubes: dict[int, np.ndarray]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for i, dataset in enumerate(self.datasets):
            counts = getattr(dataset, "counts", None)
            if counts is None:
                out[dataset.name] = arrays[dataset.name]
                continue
            values = cubes[i] if i in cubes else arrays[dataset.name].reshape(counts.data.shape)
            out[dataset.name] = type(counts).from_geom(counts.geom, data=values)
        return out

    def npred_signal(self, models: Models | None = None, *, source: str | None = None) -> dict[str, Any]:
        """Return the predicted signal per dataset, as maps (fluxes as arrays for flux points).

        Parameters
        ----------
        models
            Other values of the same models, e.g. ``result.models``.
        source
            Name of one source or template of counts; None for the sum.
        """
        likelihood = self if models is None else self.with_models(models)
        x = likelihood.start
        cubes = cube_signals(likelihood, source) if self.frozen.cubes else {}
        if source is None:
            return self._as_maps(self._spread(compiled.compiled_prediction(likelihood.problem, x)), cubes)
        if isinstance(self.models[source], TemplateNPredModel):
            return self._as_maps(self._spread([np.zeros(bucket.mask.shape) for bucket in self.problem.buckets]), cubes)
        group, position = likelihood.locate(source)
        per_group = compiled.compiled_source_prediction(likelihood.problem, x)
        return self._as_maps(self._spread([bucket[position] for bucket in per_group[group]]), cubes)

    def locate(self, source: str) -> tuple[int, int]:
        """Return group and position of a source in the problem."""
        self.models[source]
        for number, found in enumerate(source_kinds(self.models, self.models.freeze_tree()[0], self.frozen.folding)):
            names = [model.name for model, _ in found]
            if source in names:
                return number, names.index(source)
        raise KeyError(f"{source!r} is not a source; sources are: {', '.join(m.name for m in self.models.sources)}")

    def npred_background(self, models: Models | None = None) -> dict[str, Any]:
        """Return the background per dataset: as given, or profiled from on and off counts; 0 for flux points."""
        likelihood = self if models is None else self.with_models(models)
        parts = compiled.compiled_background(likelihood.problem, likelihood.start)
        return self._as_maps(self._spread(parts), cube_backgrounds(likelihood) if self.frozen.cubes else {})

    def npred(self, models: Models | None = None) -> dict[str, Any]:
        """Return signal plus background per dataset."""
        signal, background = self.npred_signal(models), self.npred_background(models)
        return {name: signal[name] + background[name] for name in self.names}

    def stat_per_dataset(self, models: Models | None = None) -> dict[str, float]:
        """Return the statistic of every dataset, without priors."""
        likelihood = self if models is None else self.with_models(models)
        parts = compiled.compiled_statistics(likelihood.problem, likelihood.start)
        out = {}
        for members, values in zip(self.frozen.members, parts):
            out.update({self.names[i]: float(value) for i, value in zip(members, np.asarray(values))})
        return {name: out[name] for name in self.names}

    def fit(self, method: str = "scoring", *, trace: bool = False, **options: Any) -> FitResult:
        """Minimise the statistic; errors are from the exact Hessian.

        Where the size of a source is free, "scoring" tries a larger one as well, and tells in ``result.message``
        if it is better.

        Parameters
        ----------
        method
            "scoring" (damped Fisher scoring), for thousands of parameters "lbfgs" or "adam", which need no matrix until
            the end, or "iminuit" (Minuit with exact gradients) as a cross-check. All but the first stop when 1e-4 of
            the statistic is left to gain.
        trace
            True to keep the way of the fit in ``result.trace``.
        **options
            ``n_steps`` (largest number of steps) and ``rate`` (of Adam, in standard deviations) for methods other than
            the first.

        Raises
        ------
        FitError
            If no parameter is free, no bin is left, or the statistic is not finite at the start.
        ValueError
            If the method is unknown.
        """
        self.require_free()
        result = self._fitted(method, trace, options)
        # with the program of the fit: other methods have none, and are for those who do not want it
        others = larger_sizes(result) if result.success and method == "scoring" else []
        return dataclasses.replace(result, message="; ".join([result.message, *map(str, others)]))

    def _fitted(self, method: str, trace: bool, options: Mapping[str, Any]) -> FitResult:
        """Return the minimum that the start leads to."""
        likelihood, way = self, None
        # a source that walked out of its cutout is folded again where it went, and fitted from there
        for _ in range(4):
            minimum, covariance, is_positive, here = likelihood._minimum(method, trace, options)
            way = way or here
            result = fit_result(likelihood, minimum, covariance, bool(is_positive))
            result = dataclasses.replace(result, trace=way if trace else None)
            if not self.frozen.cubes or all(new is old for new, old in zip(result.likelihood.folds, likelihood.folds)):
                return result
            likelihood = result.likelihood
        message = f"a source keeps leaving its cutout; {result.message}"
        return dataclasses.replace(result, success=False, message=message)

    def _minimum(self, method: str, trace: bool, options: Mapping[str, Any]) -> tuple[Any, Any, Any, Any]:
        """Return minimum, covariance, whether it is from the Hessian, and the way there, if a method keeps it."""
        if method == "scoring" and not trace and not options:
            return *compiled.fit_and_covariance(self.problem, self.start), None
        from gjax.freeze._methods import minimum_by

        minimum, way = minimum_by(self, method, **options)
        return minimum, *compiled.compiled_covariance(self.problem, minimum.x, minimum.fisher), way

    def fit_many(self, starts: Any) -> MultiStart:
        """Fit from many starts in one batch, and once more from the lowest end.

        Parameters
        ----------
        starts
            Values of the free parameters in their units, shape (starts, parameters), in the order of `free_names`; or a
            list of dictionaries such as ``{"index": 2.5}``, where all others are as in the models.

        Returns
        -------
        fits
            ``fits.best`` is the result; ``fits.message`` tells how many starts agree.

        Raises
        ------
        FitError
            If the statistic is finite at none of the starts.
        ValueError
            If the starts are not of that shape, or not finite.
        """
        from gjax.freeze._starts import fit_many

        self.require_free()
        return fit_many(self, starts)

    def asimov(self) -> Likelihood:
        """Return the likelihood of the data that its models expect, at their values; see `gjax.simulate`."""
        from gjax.simulate import asimov_datasets

        return Likelihood(asimov_datasets(self), self.models)

    def simulate(self, key: Array) -> Likelihood:
        """Return the likelihood of data drawn around what its models expect, at their values; see `gjax.simulate`.

        Parameters
        ----------
        key
            Random key, e.g. ``jax.random.key(0)``; the same key gives the same data.
        """
        from gjax.simulate import simulate_datasets

        return Likelihood(simulate_datasets(self, key), self.models)

    def toys(self, key: Array, n: int) -> Any:
        """Return many simulated data as arrays, ``toys.fit()`` of which fits all in batches; see `gjax.simulate.Toys`.

        Parameters
        ----------
        key
            Random key.
        n
            Number of toys.
        """
        from gjax.simulate import draw_toys

        return draw_toys(self, key, n)

    def asimov_significance(self, source: str) -> float:
        """Return the median significance that a source would be found with, at the models' values.

        Parameters
        ----------
        source
            Name of the source.
        """
        return float(np.sqrt(self.asimov().fit().test_source(source).ts))

    def forecast(self) -> Any:
        """Return what data would tell about the free parameters, at their values; see `gjax.forecast.Forecast`."""
        from gjax.forecast import forecast

        return forecast(self)

    def sample(self, key: Array, **options: Any) -> Posterior:
        """Sample the posterior with NUTS, from the best fit in whitened coordinates.

        Parameters
        ----------
        key
            Random key, e.g. ``jax.random.key(0)``.
        **options
            ``n_samples`` (1000 per chain), ``n_warmup`` (300, rounded up to hundreds), ``n_chains`` (4),
            ``target_accept`` (0.8), ``result`` (a fit to start from; fitted first if not given), ``progress`` (True);
            ``path`` (a file that is kept up to date while sampling, see `Posterior.save`), ``resume`` (a `Posterior`,
            or the file of one: its chains go on until they have ``n_samples`` each, and are then what they would be
            without the stop; key, warm-up and number of chains are those of the first run).

        Raises
        ------
        FitError
            If a free parameter has no proper prior (the message names all that lack one), the likelihood is not
            finite at the start, or chains to go on with are of another likelihood.
        """
        self.require_free()
        return sample_posterior(self, key, **options)

    def approximate(self, key: Array, **options: Any) -> WeightedPosterior:
        """Fit a Gaussian to the posterior by variational inference: for more parameters than chains can sample.

        Its errors are often too small, also where the fit went well: look at ``k_hat`` and ``message`` of the result.

        Parameters
        ----------
        key
            Random key.
        **options
            ``rank`` (of the covariance beyond its diagonal; a full one by default), ``n_steps`` (2000), ``n_particles``
            (4 draws per step), ``rate`` (0.02), ``n`` (4000 draws of the result), ``result`` (a fit to start from).

        Raises
        ------
        FitError
            If a free parameter has no proper prior, or the bound is not finite.
        """
        from gjax.freeze._variational import approximate_posterior

        self.require_free()
        return approximate_posterior(self, key, **options)

    def nested(self, key: Array, **options: Any) -> WeightedPosterior:
        """Sample the posterior by nested sampling, which also gives the evidence (needs the extra ``gjax[nested]``).

        Parameters
        ----------
        key
            Random key.
        **options
            ``n_live`` (400 points), ``dlogz`` (0.1, logarithm of what may be missing at the end), ``max_calls``
            (1 000 000), ``progress`` (True).

        Raises
        ------
        FitError
            If a free parameter has no proper prior.
        ImportError
            If dynesty is not installed.
        """
        from gjax.freeze._nested import nested_sampling

        self.require_free()
        return nested_sampling(self, key, **options)

    def require_free(self) -> None:
        """Raise `FitError` if no parameter is free, or no bin is left to fit."""
        if not self.free_names:
            raise FitError(f"no parameter is free; parameters are: {', '.join(self.table.names)}")
        if not self.n_bins:
            raise FitError("there is no bin to fit: " + "; ".join(self.undefined))

    def describe(self) -> str:
        """Say what was built: datasets, bins, sources, free parameters, and what was left out.

        With every source on cubes goes how it is folded, and how far the statistic is from that of a source drawn
        twice as finely.
        """
        return self._summary(folding_errors(self))

    def _summary(self, errors: Mapping[str, float]) -> str:
        free = f"{len(self.free_names)} free of {self.table.size} parameters"
        lines = [f"Likelihood of {len(self.datasets)} datasets, {self.n_bins} bins, {free}"]
        for bucket, members in zip(self.problem.buckets, self.frozen.members):
            names = ", ".join(self.names[i] for i in members[:4]) + (", ..." if len(members) > 4 else "")
            shape = "x".join(
                str(n) for n in (bucket.edisp.shape[1:] if hasattr(bucket, "edisp") else bucket.mask.shape[1:])
            )
            lines.append(f"  {type(bucket).__name__:<14} {len(members):>4} datasets of shape {shape}: {names}")
        for group, sources, folds in zip(self.problem.groups, self._group_names(), self.folds):
            listed = ", ".join(
                name + (f" ({folds.method}{_good_to(errors, name)})" if folds else "") for name in sources
            )
            lines.append(f"  {type(group.skeleton).__name__}: {listed}")
        templates = [model.name for model in self.models if isinstance(model, TemplateNPredModel)]
        lines += [f"  TemplateNPredModel: {', '.join(templates)}"] if templates else []
        lines.append(f"  free: {', '.join(self.free_names) or 'none'}")
        lines += [f"  left out: {message}" for message in self.undefined]
        return "\n".join(lines + [f"  note: {message}" for message in self.notes])

    def _group_names(self) -> list[list[str]]:
        out: list[list[str]] = [[] for _ in self.problem.groups]
        for model in self.models.sources:
            out[self.locate(model.name)[0]].append(model.name)
        return out


def _good_to(errors: Mapping[str, float], name: str) -> str:
    return f", good to {errors[name]:.1g} in the statistic" if name in errors else ""
