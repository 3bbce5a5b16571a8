"""What a fit returns: values, errors, covariance, and the questions one asks next."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from gjax.errors import FitError
from gjax.freeze import _compiled as compiled
from gjax.freeze._covariances import FitCovariance, fit_covariance
from gjax.freeze._degenerate import degenerate, fisher_diagonal
from gjax.freeze._lines import Contour, Profile
from gjax.inference import CONVERGED, NOT_FINITE, STALLED, STEPS, Minimum, Rays
from gjax.models import Models, panel_edges, parameter_qtable
from gjax.parameters import ParameterTable, fill
from gjax.units import DNDE, attach_unit, to_canonical

if TYPE_CHECKING:
    from gjax.freeze._hypothesis import GoodnessOfFit, HypothesisTest
    from gjax.freeze._likelihood import Likelihood
    from gjax.freeze._methods import FitTrace
    from gjax.freeze._quadratic import QuadraticCheck
    from gjax.freeze._unified import UnifiedInterval
    from gjax.freeze._weighted import WeightedPosterior

__all__ = ["Contour", "FitResult", "Profile", "fit_result"]

_REASONS = {
    STEPS: "the largest number of steps was reached",
    STALLED: "no step lowered the statistic any further",
    NOT_FINITE: "the statistic is not finite at the start",
}


@dataclasses.dataclass(frozen=True, repr=False)
class FitResult:
    """A best fit.

    Parameters
    ----------
    likelihood
        The likelihood, with its models at the best fit.
    total_stat
        Fit statistic (deviance plus priors).
    x
        Padded free vector of the best fit, in units of the scales.
    x_covariance
        Its covariance.
    success
        True if the fit converged and the covariance is positive.
    message
        Why it stopped, which parameters are at a bound, and anything wrong with the covariance.
    n_steps
        Number of likelihood evaluations.
    edm
        Expected distance to the minimum.
    trace
        The way of the fit, if it was asked for.
    """

    likelihood: Likelihood
    total_stat: float
    x: np.ndarray
    x_covariance: np.ndarray
    success: bool
    message: str
    n_steps: int
    edm: float
    trace: FitTrace | None = None

    @property
    def models(self) -> Models:
        """The models with values, errors and covariance of the fit."""
        return Models(self.likelihood.models, covariance=self.full_covariance)

    @property
    def table(self) -> ParameterTable:
        """All parameters."""
        return self.likelihood.table

    @property
    def free_names(self) -> list[str]:
        """Names of the free parameters."""
        return self.likelihood.free_names

    @property
    def n_free(self) -> int:
        """Number of free parameters."""
        return len(self.free_names)

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the free parameters in their units, in the order of `free_names`."""
        scale = self.likelihood.scale
        return self.x_covariance[: self.n_free, : self.n_free] * np.outer(scale, scale)

    def covariance_of(self, kind: str) -> FitCovariance:
        r"""Return one of three covariances of the free parameters, or say why there is none.

        Parameters
        ----------
        kind
            "hessian": the inverse of the observed information H, half the second derivatives of the statistic (as in
            `covariance`, which falls back on the Fisher matrix of the fit). "fisher": the inverse of the information
            expected at the best fit, with every bin of cubes; see `gjax.forecast.Forecast`. "sandwich":
            :math:`H^{-1} (\sum_b g_b g_b^T) H^{-1}` with the score :math:`g_b` of every bin, half the derivative of
            its statistic. The sandwich is right where bins are independent but scatter more or less than the
            statistic takes for granted (backgrounds that vary, wrong errors of flux points), and where the model is
            not quite the truth; it does not help against counts that are correlated between bins, nor against a bias,
            and needs many more bins than parameters (White 1982, doi:10.2307/1912526).

        Raises
        ------
        ValueError
            If the kind is unknown.
        """
        return fit_covariance(self, kind)

    def plot_correlation(self, kind: str = "hessian", ax: Any = None) -> Any:
        """Plot the correlations of the free parameters on a matplotlib axis and return it.

        Parameters
        ----------
        kind
            See `covariance_of`.
        ax
            Axes; new ones if None.
        """
        from gjax.plot import plot_correlation

        return plot_correlation(self.covariance_of(kind).correlation, self.free_names, label="", ax=ax)

    @property
    def full_covariance(self) -> np.ndarray:
        """Covariance of all parameters in the order of the table; zero for those that were not free."""
        size = self.table.size
        full, free = np.zeros((size, size)), np.flatnonzero(self.table.free)
        full[np.ix_(free, free)] = self.covariance
        return full

    @property
    def correlation(self) -> np.ndarray:
        """Correlation of the free parameters."""
        covariance = self.covariance
        width = np.sqrt(np.diag(covariance))
        return covariance / np.outer(width, width)

    def __getitem__(self, name: str) -> tuple[float, float]:
        """Return value and error of a parameter."""
        i = self.one(name)
        return float(self.table.values[i]), float(self.table.errors[i])

    def one(self, name: str) -> int:
        """Return the position of exactly one parameter in the table."""
        found = self.table.find(name)
        if len(found) != 1:
            raise KeyError(f"{name!r} matches several parameters: {', '.join(self.table.names[i] for i in found)}")
        return found[0]

    def position(self, name: str) -> int:
        """Return the position of a free parameter in the free vector.

        Raises
        ------
        KeyError
            If the parameter is frozen or does not exist.
        """
        full = self.table.names[self.one(name)]
        if full not in self.free_names:
            raise KeyError(f"{full!r} is frozen; free parameters are: {', '.join(self.free_names)}")
        return self.free_names.index(full)

    def to_table(self) -> Any:
        """Return all parameters as an astropy table."""
        return parameter_qtable(self.table)

    def __repr__(self) -> str:
        head = f"{'Fit converged' if self.success else 'Fit NOT trustworthy'}: {self.message}"
        size = f"{self.likelihood.n_bins} bins and {self.n_free} free parameters"
        stat = f"statistic {self.total_stat:.3f} with {size}, {self.n_steps} steps"
        table = self.table
        rows = []
        for name, value, error, unit, free in zip(table.names, table.values, table.errors, table.units, table.free):
            text = f"{value: .5g} ± {error:.2g} {unit}" if free else f"{value: .5g} {unit} (frozen)"
            rows.append(f"  {name:<34} {text}")
        return "\n".join([head, stat, *rows])

    def _repr_html_(self) -> str:
        return f"<p>{self.message}; statistic {self.total_stat:.3f}</p>" + self.to_table()._repr_html_()

    def profile(self, name: str, values: Any = None, *, n_values: int = 11, n_sigma: float = 2.0) -> Profile:
        """Return the profile likelihood: the parameter held at each value, all others re-optimised, in one batch.

        Parameters
        ----------
        name
            A free parameter.
        values
            Where to hold it (Quantity, or numbers in its unit); by default evenly within ``n_sigma`` errors.
        n_values, n_sigma
            Number of points and reach of the default.
        """
        i = self.position(name)
        scale, sigma = self.likelihood.scale[i], np.sqrt(self.x_covariance[i, i])
        unit = self.table.units[self.one(name)]
        if values is None:
            held_at = self.x[i] + np.linspace(-n_sigma, n_sigma, n_values) * sigma
        else:
            held_at = (np.atleast_1d(to_canonical(values, unit, name)) - self._origin(i)) / scale
        direction = self.x_covariance[:, i] / self.x_covariance[i, i]
        starts = self.x + (held_at - self.x[i])[:, None] * direction
        held = np.zeros(starts.shape, bool)
        held[:, i] = True
        # filled up to a multiple of 12: the default and any few values are one program
        order = np.append(np.arange(len(starts)), np.zeros(-len(starts) % 12, dtype=int))
        minimum = compiled.compiled_profile(
            self.likelihood.problem, jax.device_put(starts[order]), jax.device_put(held[order])
        )
        good = (np.asarray(minimum.status) == CONVERGED)[: len(starts)]
        statistic = np.asarray(minimum.statistic)[: len(starts)]
        return Profile(self.free_names[i], unit, held_at * scale + self._origin(i), statistic, good, self.total_stat)

    def _crossings(self, directions: np.ndarray, held: np.ndarray, level: float) -> Any:
        # rays are filled up to a multiple of 8: one error, all errors and a limit are one program
        number = len(directions)
        order = np.append(np.arange(number), np.zeros(-number % 8, dtype=int))
        size = len(order)
        best, value = np.broadcast_to(self.x, (size, len(self.x))), np.full(size, self.total_stat)
        rays = Rays(best, value, directions[order], held[order], np.full(size, float(level)))  # type: ignore[arg-type]
        end = compiled.compiled_crossings(self.likelihood.problem, jax.device_put(rays))
        return jax.tree_util.tree_map(lambda values: values[:number], end)

    def confidence(self, name: str | None = None, *, n_sigma: float = 1.0) -> dict[str, tuple[float, float]]:
        """Return asymmetric errors ``(errn, errp)`` from the profile likelihood, all in one batch.

        Parameters
        ----------
        name
            A free parameter; None for all.
        n_sigma
            Rise of the statistic is ``n_sigma**2``. An error is NaN where a bound comes first.
        """
        positions = list(range(self.n_free)) if name is None else [self.position(name)]
        width = np.sqrt(np.diag(self.x_covariance))
        rays, held = [], []
        for i in positions:
            column = self.x_covariance[:, i] / width[i]
            rays += [-column, column]
            held += [np.arange(len(self.x)) == i] * 2
        end = self._crossings(np.array(rays), np.array(held), n_sigma**2)
        distance = np.asarray(end.distance).reshape(-1, 2)
        errors = distance * (width * self._padded_scale())[positions][:, None]
        return {self.free_names[i]: (float(errn), float(errp)) for i, (errn, errp) in zip(positions, errors)}

    def upper_limit(
        self, name: str, *, n_sigma: float = 2.0, method: str = "profile", key: Any = None, **options: Any
    ) -> float:
        """Return an upper limit on a parameter.

        Parameters
        ----------
        name
            A free parameter.
        n_sigma
            The limit is where the profiled statistic has risen by ``n_sigma**2`` above the best fit.
        method
            "profile", or "feldman-cousins": the upper end of the `unified_interval` whose confidence is that of a
            chi-square below ``n_sigma**2`` (95.45 % at 2).
        key, **options
            Of the second method: random key, ``n_toys`` and ``n_values``.
        """
        if method not in ("profile", "feldman-cousins"):
            raise ValueError(f"method: expected 'profile' or 'feldman-cousins', got {method!r}")
        if method == "feldman-cousins":
            from scipy.stats import chi2

            if key is None:
                raise ValueError("method 'feldman-cousins' draws toys: give a key")
            return self.unified_interval(name, key, confidence=float(chi2.cdf(n_sigma**2, 1)), **options).upper
        if options or key is not None:
            raise ValueError(f"method 'profile' takes no {', '.join(options) or 'key'}")
        i = self.position(name)
        width = np.sqrt(self.x_covariance[i, i])
        end = self._crossings((self.x_covariance[:, i] / width)[None], (np.arange(len(self.x)) == i)[None], n_sigma**2)
        return float((self.x[i] + end.distance[0] * width) * self.likelihood.scale[i]) + self._origin(i)

    def contour(self, x: str, y: str, *, n_sigma: float = 1.0, n_points: int = 32) -> Contour:
        """Return a contour of two parameters: the joint region of probability ``chi2(2).cdf(n_sigma**2)``.

        Every point is solved for along a ray from the best fit in the whitened plane, with all other
        parameters re-optimised, in one batch.

        Parameters
        ----------
        x, y
            Two free parameters.
        n_sigma
            The statistic rises by ``n_sigma**2``: 39.3 % joint probability at 1, and the projections of the
            contour are the 1-sigma intervals.
        n_points
            Number of points.
        """
        i, j = self.position(x), self.position(y)
        pair = self.x_covariance[np.ix_([i, j], [i, j])]
        angle = np.linspace(0, 2 * np.pi, n_points, endpoint=False)
        rays = np.column_stack([np.cos(angle), np.sin(angle)]) @ np.linalg.cholesky(pair).T
        full = rays @ np.linalg.solve(pair, self.x_covariance[[i, j]])
        held = np.zeros(full.shape, bool)
        held[:, [i, j]] = True
        end = self._crossings(full, held, n_sigma**2)
        points = (self.x + np.asarray(end.distance)[:, None] * full) * self._padded_scale()
        units = self.table.units[self.one(x)], self.table.units[self.one(y)]
        names = self.free_names[i], self.free_names[j]
        across, up = points[:, i] + self._origin(i), points[:, j] + self._origin(j)
        return Contour(names, units, across, up, n_sigma**2, bool(np.all(end.reached)))

    def _origin(self, i: int) -> float:
        """Return what the free vector counts a parameter from: 0, but for dates."""
        return float(self.table.origins[self.table.free][i])

    def _padded_scale(self) -> np.ndarray:
        return np.concatenate([self.likelihood.scale, np.ones(len(self.x) - self.n_free)])

    def propagate(self, function: Any, source: str) -> tuple[np.ndarray, np.ndarray]:
        """Return value and standard deviation of any function of a source's spectral model, by the delta method.

        Parameters
        ----------
        function
            Takes the spectral model with arrays in place of parameters; written with ``jax.numpy``.
        source
            Name of the source.
        """
        skeletons, table = self.models.freeze_tree()
        self.models[source]  # a name that does not exist is an error that lists those that do
        skeleton = skeletons[self.models.names.index(source)].spectral_model
        theta = jax.device_put(table.counted)
        index, scale = jax.device_put(np.flatnonzero(table.free)), jax.device_put(self.likelihood.scale)

        def of_x(x: Any) -> Any:
            return function(fill(skeleton, theta.at[index].set(x * scale)))

        x = jax.device_put(self.x[: self.n_free])
        # one small program, not one per operation
        value, jacobian = (np.asarray(a) for a in jax.jit(lambda x: (of_x(x), jax.jacfwd(of_x)(x)))(x))
        covariance = self.x_covariance[: self.n_free, : self.n_free]
        # parameters that the function does not depend on do not matter, even if their variance is unknown
        matters = (jacobian != 0).any(axis=tuple(range(jacobian.ndim - 1)))
        jacobian, covariance = jacobian[..., matters], covariance[np.ix_(matters, matters)]
        variance = np.einsum("...i,ij,...j->...", jacobian, covariance, jacobian)
        return value, np.sqrt(np.maximum(variance, 0.0))

    def dnde(self, source: str, energy: Any) -> tuple[Any, Any]:
        """Return the differential flux of a source and its error at energies (Quantity)."""
        at = jax.device_put(to_canonical(energy, "TeV", "energy"))
        value, error = self.propagate(lambda model: model.evaluate(at), source)
        return attach_unit(value, DNDE), attach_unit(error, DNDE)

    def flux(self, source: str, energy_min: Any, energy_max: Any) -> tuple[Any, Any]:
        """Return the photon flux of a source between two energies and its error."""
        return self._integral(source, energy_min, energy_max, "integrate", "s-1 cm-2")

    def energy_flux(self, source: str, energy_min: Any, energy_max: Any) -> tuple[Any, Any]:
        """Return the energy flux of a source between two energies and its error."""
        return self._integral(source, energy_min, energy_max, "integrate_energy", "TeV s-1 cm-2")

    def _integral(self, source: str, energy_min: Any, energy_max: Any, method: str, unit: str) -> tuple[Any, Any]:
        low, high = (to_canonical(e, "TeV", "energy") for e in (energy_min, energy_max))
        kinks = self.models[source].spectral_model.filled().kinks()
        edges = jax.device_put(panel_edges(low, high, kinks))
        value, error = self.propagate(lambda m: getattr(m, method)(edges[..., :-1], edges[..., 1:]).sum(-1), source)
        return attach_unit(value, unit), attach_unit(error, unit)

    def spectral_index(self, source: str, energy: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the local index -d ln(dN/dE) / d ln E of a source and its error at energies (Quantity)."""
        at = jax.device_put(np.asarray(to_canonical(energy, "TeV", "energy"), float))
        return self.propagate(lambda model: model.local_index(at), source)

    def pivot_energy(self, source: str, energy_min: Any = None, energy_max: Any = None) -> Any:
        """Return the energy (Quantity) at which the relative error of a source's flux is smallest.

        Parameters
        ----------
        source
            Name of the source.
        energy_min, energy_max
            Where to search; the default is a factor 20 around the reference energy of the model, or 1 TeV.

        Returns
        -------
        energy
            NaN if the relative error is smallest at an end, or is the same everywhere.
        """
        reference = getattr(getattr(self.models[source].spectral_model, "reference", None), "value", 1.0)
        low = reference / 20 if energy_min is None else to_canonical(energy_min, "TeV", "energy_min")
        high = reference * 20 if energy_max is None else to_canonical(energy_max, "TeV", "energy_max")
        ends = np.log([float(low), float(high)])
        for _ in range(2):  # coarse, then fine between the neighbours of the smallest
            grid = np.linspace(ends[0], ends[1], 401)
            at = jax.device_put(np.exp(grid))
            value, error = self.propagate(lambda model, at=at: model.evaluate(at), source)
            with np.errstate(divide="ignore", invalid="ignore"):
                relative = np.nan_to_num(error / np.abs(value), nan=np.inf)
            i = int(np.argmin(relative))
            if not 0 < i < 400 or not np.ptp(relative[np.isfinite(relative)]) > 1e-12 * relative[i]:
                return attach_unit(np.nan, "TeV")
            ends = grid[[i - 1, i + 1]]
        return attach_unit(np.exp(grid[i]), "TeV")

    def unified_interval(self, name: str, key: Any, **options: Any) -> UnifiedInterval:
        """Return the Feldman-Cousins interval of a parameter, by toys at every value that is tested, in one batch.

        Bounds of parameters are kept: a norm that cannot be negative gets a limit where there is little, and two ends
        where there is a source, with the right coverage in between.

        Parameters
        ----------
        name
            A free parameter.
        key
            Random key.
        **options
            ``confidence`` (0.95), ``n_toys`` (1000 per value), ``n_values`` (12).

        Raises
        ------
        FitError
            If the statistic does not rise far enough.
        """
        from gjax.freeze._unified import unified_interval

        return unified_interval(self, name, key, **options)

    @property
    def aic(self) -> float:
        """Akaike's criterion, the statistic plus twice the number of free parameters: models of the same data only."""
        return self.total_stat + 2 * self.n_free

    @property
    def bic(self) -> float:
        """Schwarz's criterion, the statistic plus the number of free parameters times the logarithm of that of bins."""
        return self.total_stat + self.n_free * float(np.log(self.likelihood.n_bins))

    def compare(self, null: FitResult, **options: Any) -> HypothesisTest:
        """Test this fit against that of a narrower model of the same data.

        Parameters
        ----------
        null
            Fit of the narrower model.
        **options
            ``dof`` (parameters tested; by default those that are free here only), ``n_boundary`` (how many of them are
            at a bound under the narrower model), ``key`` and ``n_toys`` (1000) for the distribution of toys drawn from
            the narrower model instead of a chi-square.

        Raises
        ------
        FitError
            If the data differ, the models are not nested, or the wider one fits worse.
        """
        from gjax.freeze._hypothesis import compare

        return compare(null, self, **options)

    def test_source(self, source: str, *, key: Any = None, n_toys: int = 1000) -> HypothesisTest:
        """Test whether a source is there: all others are fitted again without it.

        Half a chi-square where its norm cannot be negative; toys of the fit without it if a key is given.

        Parameters
        ----------
        source
            Name of the source.
        key
            Random key.
        n_toys
            Number of toys.

        Raises
        ------
        FitError
            If the source has no free norm.
        """
        from gjax.freeze._hypothesis import source_test

        return source_test(self, source, key=key, n_toys=n_toys)

    def goodness_of_fit(self, key: Any, n: int = 1000) -> GoodnessOfFit:
        """Compare the statistic with those of fits to data drawn from the best fit.

        Parameters
        ----------
        key
            Random key.
        n
            Number of toys.
        """
        from gjax.freeze._hypothesis import goodness_of_fit

        return goodness_of_fit(self, key, n)

    def position_region(self, source: str, *, n_sigma: float = 1.0, method: str = "ellipse", n_points: int = 32) -> Any:
        """Return the confidence region of a position as a region of the sky.

        Parameters
        ----------
        source
            A source with a free position.
        n_sigma
            The statistic rises by ``n_sigma**2``: 39.3 % joint probability at 1, 68.3 % at 1.515, 95.4 % at 2.486.
        method
            "ellipse" (from the covariance), or "contour" (a polygon of the profile likelihood).
        n_points
            Corners of the polygon.

        Raises
        ------
        FitError
            If the position is not free or has no covariance.
        """
        from gjax.freeze._position import position_region

        return position_region(self, source, n_sigma, method, n_points)

    def quadratic_check(self) -> QuadraticCheck:
        """Compare the statistic at one standard deviation, along parameters and eigenvectors, with a parabola.

        Raises
        ------
        FitError
            If the fit has no covariance.
        """
        from gjax.freeze._quadratic import quadratic_check

        return quadratic_check(self)

    def laplace(self, key: Any, n: int = 4000) -> WeightedPosterior:
        """Return draws from the Gaussian at the fit, weighted to stand for the posterior: an instant preview.

        Parameters
        ----------
        key
            Random key, e.g. ``jax.random.key(0)``.
        n
            Number of draws.

        Returns
        -------
        posterior
            With ``k_hat`` and ``reliable``, which tell whether the weights are good enough; see `Likelihood.sample`
            if not. Parameters without a prior are taken as flat.
        """
        from gjax.freeze._laplace import laplace

        return laplace(self, key, n)

    def log_evidence(self) -> float:
        """Return the logarithm of the evidence in Laplace's approximation; NaN unless all priors are proper.

        The unit is the likelihood of a model that meets every count: differences between models of the same data count.
        """
        from gjax.freeze._laplace import laplace_evidence

        return laplace_evidence(self)

    def plot_error(self, source: str, energy_bounds: Any, ax: Any = None, **options: Any) -> Any:
        """Plot the spectrum of a source with its error band on a matplotlib axis and return the axis.

        Parameters
        ----------
        source
            Name of the source.
        energy_bounds
            Lowest and highest energy.
        ax
            Axes; a new one if None.
        options
            Given to `gjax.plot.plot_spectrum_error`, for instance ``sed_type``: "dnde", "e2dnde", "flux" or "eflux".
        """
        from gjax.plot import plot_spectrum_error

        return plot_spectrum_error(self, source, energy_bounds, ax=ax, **options)


def fit_result(likelihood: Likelihood, minimum: Minimum, covariance: Any, is_positive: bool) -> FitResult:
    """Put names and units back on the arrays of a fit."""
    status = int(minimum.status)
    if status == NOT_FINITE:
        theta = ", ".join(f"{n} = {v:.4g}" for n, v in zip(likelihood.table.names, likelihood.table.values))
        raise FitError(f"{_REASONS[NOT_FINITE]}, at {theta}")
    n = len(likelihood.free_names)
    free = likelihood.table.free
    x = np.asarray(minimum.x)
    covariance = np.asarray(covariance)
    values, errors = likelihood.table.values.copy(), np.zeros(likelihood.table.size)
    values[free] = x[:n] * likelihood.scale + likelihood.table.origins[free]
    errors[free] = np.sqrt(np.diag(covariance)[:n]) * likelihood.scale
    lower, upper = likelihood.table.bounds
    messages = ["the gradient vanishes" if status == CONVERGED else _REASONS[status]]
    # values are products with the scales: at a bound up to rounding
    slack = 8 * np.finfo(x.dtype).eps * np.maximum(np.abs(values), likelihood.table.scales)
    at_bound = free & ((values <= lower + slack) | (values >= upper - slack))
    messages += [
        f"{name} is at its bound {value:g}" for name, value, at in zip(likelihood.table.names, values, at_bound) if at
    ]
    columns = likelihood.problem.columns
    flat = fisher_diagonal(columns, minimum.fisher)[:n] == 0
    messages += [f"{name} has no influence on the data" for name, none in zip(likelihood.free_names, flat) if none]
    if not is_positive:
        messages.append("the Hessian is not positive, errors are from the Fisher matrix")
    tied = degenerate(columns, minimum.fisher, likelihood.free_names)
    if tied:
        messages.append(f"the data cannot tell apart {' and '.join(tied)}: fix one of them or give it a prior")
    models = likelihood.models.replace_parameters(likelihood.table.with_values(values, errors))
    success = status == CONVERGED and is_positive and bool(np.all(np.isfinite(errors))) and not tied
    edm, steps = float(minimum.edm), int(minimum.steps)
    fitted = likelihood.with_models(models)
    # the scales follow the values: from here on the free vector counts in those of the best fit
    ratio = np.ones_like(x)
    ratio[:n] = likelihood.scale / fitted.scale
    x, covariance = x * ratio, covariance * np.outer(ratio, ratio)
    return FitResult(
        fitted,
        float(minimum.statistic),
        x,
        covariance,
        success,
        "; ".join(messages),
        steps,
        edm,
    )
