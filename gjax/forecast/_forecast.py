"""What data would tell about the parameters of a likelihood, before they are taken."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from gjax.errors import FitError
from gjax.forecast._equivalent import EquivalentCounts, discovery_reach, equivalent_counts, upper_limit
from gjax.forecast._matrices import covariance_of, positive_part, profiled_information, profiled_step, tied_parameters
from gjax.likelihood import (
    expected_information,
    expected_off,
    full_theta,
    information_along,
    lattice_along,
    predict,
    prior_information,
)
from gjax.units import attach_unit

if TYPE_CHECKING:
    from gjax.forecast._plan import Plan
    from gjax.freeze import Likelihood

__all__ = ["Forecast", "forecast"]


@jax.jit
def _begin(problem: Any, x: Any) -> Any:
    off = expected_off(problem, x)
    return off, expected_information(problem, x, off), prior_information(problem, x)


_information = jax.jit(expected_information)
_along = jax.jit(information_along)
_lattice = jax.jit(lattice_along)


@jax.jit
def _bend(problem: Any, x: Any, direction: Any) -> Any:
    """Return by how much counts are not proportional to a parameter, as a fraction of those it makes."""
    step = jnp.sum(x * direction)
    mu, slope = jax.jvp(lambda x: predict(problem, full_theta(problem, x), 1), (x,), (direction,))
    without = predict(problem, full_theta(problem, x - step * direction), 1)
    lost = sum(jnp.sum(jnp.abs(m - n - step * s)) for m, n, s in zip(mu, without, slope))
    return lost / sum(jnp.sum(jnp.abs(step * s)) for s in slope)


@dataclasses.dataclass(frozen=True, repr=False)
class Forecast:
    r"""Expected Fisher information of a likelihood at given values of its models, and what follows from it.

    For counts it is :math:`F_{ij} = \sum \partial_i\mu\,\partial_j\mu / \mu` over *every* bin of the masks, empty ones
    included; where off counts with mean b measure the background, the variance of a bin is
    :math:`\mu + \alpha(1+\alpha) b`. Measured counts have no part in it, except that off counts tell what background
    to expect (see `gjax.simulate.asimov_datasets`).

    Parameters
    ----------
    likelihood
        With every bin of cubes, at the values of the forecast.
    off
        Expected off counts per bucket, or None.
    x_data, x_prior
        Information of data and priors on the free vector, in units of the scales.
    """

    likelihood: Likelihood
    off: tuple[Any, ...]
    x_data: np.ndarray
    x_prior: np.ndarray

    @property
    def free_names(self) -> list[str]:
        """Names of the free parameters: the order of all matrices."""
        return self.likelihood.free_names

    @property
    def x_information(self) -> np.ndarray:
        """Information of data and priors, in units of the scales."""
        return self.x_data + self.x_prior

    @property
    def information(self) -> np.ndarray:
        """Information matrix in the units of the parameters, priors included."""
        return self.x_information / np.outer(self.likelihood.scale, self.likelihood.scale)

    @property
    def covariance(self) -> np.ndarray:
        """Expected covariance in the units of the parameters; NaN for what the data cannot tell."""
        return covariance_of(self.x_information) * np.outer(self.likelihood.scale, self.likelihood.scale)

    @property
    def correlation(self) -> np.ndarray:
        """Expected correlation."""
        covariance = covariance_of(self.x_information)
        width = np.sqrt(np.diag(covariance))
        return covariance / np.outer(width, width)

    @property
    def errors(self) -> dict[str, Any]:
        """Expected errors of the free parameters, as quantities."""
        units = dict(zip(self.likelihood.table.names, self.likelihood.table.units))
        width = np.sqrt(np.diag(self.covariance))
        return {name: attach_unit(error, units[name]) for name, error in zip(self.free_names, width)}

    def __getitem__(self, name: str) -> tuple[float, float]:
        """Return value and expected error of a free parameter."""
        i = self.position(name)
        value = self.likelihood.table.values[self.likelihood.table.free][i]
        return float(value), float(np.sqrt(self.covariance[i, i]))

    def position(self, name: str) -> int:
        """Return the position of exactly one free parameter.

        Raises
        ------
        KeyError
            If the parameter is frozen, does not exist, or the name fits several.
        """
        table = self.likelihood.table
        found = [table.names[i] for i in table.find(name)]
        if len(found) != 1:
            raise KeyError(f"{name!r} matches several parameters: {', '.join(found)}")
        if found[0] not in self.free_names:
            raise KeyError(f"{found[0]!r} is frozen; free parameters are: {', '.join(self.free_names)}")
        return self.free_names.index(found[0])

    @property
    def message(self) -> str:
        """What the data cannot tell, in words; empty if they tell everything."""
        found = [
            f"{name} has no influence on the data"
            for name, information in zip(self.free_names, np.diag(self.x_information))
            if not information > 0
        ]
        tied = tied_parameters(self.x_information, self.free_names)
        return "; ".join(found + ([f"the data cannot tell apart {' and '.join(tied)}"] if tied else []))

    def to_table(self) -> Any:
        """Return the free parameters with their values and expected errors as an astropy table."""
        from astropy.table import Table

        table = self.likelihood.table
        units = [unit for unit, free in zip(table.units, table.free) if free]
        errors = np.sqrt(np.diag(self.covariance))
        return Table(
            [self.free_names, table.values[table.free], errors, units], names=["name", "value", "error", "unit"]
        )

    def __repr__(self) -> str:
        head = f"Forecast of {len(self.likelihood.datasets)} datasets, {self.likelihood.n_bins} bins"
        rows = [f"  {r['name']:<34} {r['value']: .5g} ± {r['error']:.2g} {r['unit']}" for r in self.to_table()]
        return "\n".join([f"{head}: {self.message}" if self.message else head, *rows])

    def profiled(self, names: Sequence[str]) -> np.ndarray:
        """Return the information on some parameters, in their units, with all others profiled out.

        Parameters
        ----------
        names
            Parameters of interest.
        """
        wanted = np.array([self.position(name) for name in names])
        scale = self.likelihood.scale[wanted]
        return profiled_information(self.x_information, wanted) / np.outer(scale, scale)

    def information_flux(self, name: str) -> dict[str, Any]:
        r"""Return what every bin contributes to the information on a parameter, per dataset, as maps.

        With all other parameters profiled out; the sum over bins is :math:`1/\sigma^2` without the part of priors.
        Per exposure it is the information flux of Edwards & Weniger: by how much :math:`1/\sigma^2` grows with a bit
        more exposure of that bin.

        Parameters
        ----------
        name
            A free parameter.
        """
        i = self.position(name)
        likelihood = self.likelihood
        direction = profiled_step(self.x_information, i, len(likelihood.start)) / likelihood.scale[i]
        parts = _along(likelihood.problem, likelihood.start, self.off, jax.device_put(direction))
        cubes: dict[int, np.ndarray] = {}
        for members, rows in zip(likelihood.frozen.members, parts):
            for row, k in zip(np.asarray(rows), members):
                cube = likelihood.frozen.cubes.get(k)
                if cube is not None:
                    full = np.zeros(cube.counts.size)
                    full[cube.occupied] = row[: len(cube.occupied)]
                    cubes[k] = full.reshape(-1, *cube.shape)
        return likelihood._as_maps(likelihood._spread(parts), cubes)

    # ---- limits ----

    def _at(self, i: int, value: float) -> tuple[Any, np.ndarray]:
        """Return the free vector where a parameter has another value, and the information there, in scales."""
        x = np.asarray(self.likelihood.start).copy()
        x[i] = value
        n = len(self.free_names)
        x = jax.device_put(x)
        return x, np.asarray(_information(self.likelihood.problem, x, self.off))[:n, :n] + self.x_prior

    def _profiled(self, information: np.ndarray, i: int) -> float:
        """Return the profiled variance of a parameter, in units of its scale."""
        part = profiled_information(information, np.array([i]))[0, 0]
        if not part > 0:
            raise FitError(f"the data tell nothing about {self.free_names[i]}: {self.message or 'no information'}")
        return float(1 / part)

    def _variance(self, i: int, value: float) -> float:
        """Return the profiled variance of a parameter where it has another value, both in units of the scale."""
        return self._profiled(self._at(i, value)[1], i)

    def _spread(self, i: int, value: float) -> tuple[float, float]:
        """Return the profiled variance as well, and how far the counts of the parameter are whole numbers."""
        x, information = self._at(i, value)
        variance = self._profiled(information, i)
        step = jax.device_put(profiled_step(information, i, len(x)))
        return variance, float(_lattice(self.likelihood.problem, x, self.off, step, 1 / variance))

    def norm_position(self, name: str) -> int:
        """Return the position of a norm.

        Raises
        ------
        ValueError
            If the counts of no source are proportional to the parameter.
        """
        i = self.position(name)
        x = np.asarray(self.likelihood.start).copy()
        x[i] = x[i] if x[i] != 0 else 1.0
        direction = np.where(np.arange(len(x)) == i, 1.0, 0.0)
        bend = float(_bend(self.likelihood.problem, jax.device_put(x), jax.device_put(direction)))
        if not bend < 1e-6:
            raise ValueError(f"{self.free_names[i]}: expected a norm, to which the counts of a source are proportional")
        return i

    def _norm(self, name: str) -> tuple[int, float]:
        """Return the position of a norm, and its variance without signal."""
        i = self.norm_position(name)
        value = float(np.asarray(self.likelihood.start)[i]) or 1.0
        # other parameters of the source are profiled out in the limit, where they still matter
        return i, self._variance(i, 1e-9 * value)

    def equivalent_counts(self, name: str, value: float | None = None) -> EquivalentCounts:
        """Return the counting experiment that tells as much about a norm.

        Parameters
        ----------
        name
            A free parameter that the counts of a source are proportional to: freeze its other parameters.
        value
            Value of the norm, in its unit; by default that of the models.

        Raises
        ------
        ValueError
            If the parameter is no norm, or its value is 0.
        FitError
            If the data tell nothing about it.
        """
        i, before = self._norm(name)
        scale = self.likelihood.scale[i]
        theta = (self[name][0] if value is None else float(value)) / scale
        if theta == 0:
            raise ValueError(f"{name}: a norm of 0 has no equivalent counts; give a value")
        return equivalent_counts(theta, self._variance(i, theta), before)

    def upper_limit(self, name: str, *, confidence: float = 0.95) -> float:
        r"""Return the expected upper limit on a norm if there is no signal: the mean over data.

        Where :math:`s / \sqrt{s + b} = Z` with the equivalent counts at the limit, and the one-sided normal quantile Z
        of the confidence level (Edwards & Weniger, arXiv 1704.05458), to the next order in the counts; see
        `limit_quantile`.

        Parameters
        ----------
        name
            As in `equivalent_counts`.
        confidence
            Confidence level, one-sided.

        Raises
        ------
        ValueError
            If the confidence level is not between 0.5 and 1; else as in `equivalent_counts`.
        """
        from scipy.special import ndtri

        if not 0.5 < confidence < 1:
            raise ValueError(f"confidence: got {confidence}, expected between 0.5 and 1")
        i, before = self._norm(name)
        limit = upper_limit(lambda theta: self._spread(i, theta), before, float(ndtri(confidence)))
        return limit * float(self.likelihood.scale[i])

    def discovery_reach(self, name: str, *, n_sigma: float = 5.0) -> float:
        r"""Return the value of a norm that is expected to be discovered.

        Where :math:`(s+b) \ln(1 + s/b) - s = Z^2/2` with its equivalent counts (Edwards & Weniger, arXiv 1704.05458).

        Parameters
        ----------
        name
            As in `equivalent_counts`.
        n_sigma
            Significance Z.

        Raises
        ------
        ValueError
            If the significance is not positive; else as in `equivalent_counts`.
        """
        if not n_sigma > 0:
            raise ValueError(f"n_sigma: got {n_sigma}, expected more than 0")
        i, before = self._norm(name)
        reach = discovery_reach(lambda theta: self._variance(i, theta), before, n_sigma)
        return reach * float(self.likelihood.scale[i])

    def sensitivity(self, name: str, energy_edges: Any = None, **options: Any) -> Any:
        """Return expected limits and discovery fluxes per energy band; see `gjax.forecast.sensitivity_curve`."""
        from gjax.forecast._sensitivity import sensitivity_curve

        return sensitivity_curve(self, name, energy_edges, **options)

    # ---- what one asks next ----

    def plan(self) -> Plan:
        """Return the information as a pure function of the design of the observations; see `Plan`."""
        from gjax.forecast._plan import make_plan

        return make_plan([0.0], [self])

    def plot_correlation(self, ax: Any = None) -> Any:
        """Plot the expected correlations on a matplotlib axis and return it."""
        from gjax.plot import plot_correlation

        return plot_correlation(self.correlation, self.free_names, label="", ax=ax)


def forecast(likelihood: Likelihood) -> Forecast:
    """Return the forecast of a likelihood at the values of its models.

    Parameters
    ----------
    likelihood
        Of any datasets.

    Raises
    ------
    FitError
        If no parameter is free, or no bin is left.

    Examples
    --------
    >>> import astropy.units as u
    >>> import gjax
    >>> from gjax.datasets import FluxPoints, FluxPointsDataset
    >>> from gjax.models import PowerLawSpectralModel, SkyModel
    >>> flux = [1e-12, 1e-13] * u.Unit("cm-2 s-1 TeV-1")
    >>> points = FluxPoints.from_arrays(e_ref=[1, 3] * u.TeV, dnde=flux, dnde_err=0.1 * flux)
    >>> model = SkyModel(PowerLawSpectralModel(amplitude="1e-12 cm-2 s-1 TeV-1"), name="source")
    >>> likelihood = gjax.Likelihood(FluxPointsDataset(points, name="points"), model)
    >>> value, error = forecast(likelihood.freeze("source.spectral.index"))["amplitude"]
    >>> round(error / 1e-12, 4)
    0.0669
    """
    likelihood.require_free()
    likelihood = likelihood.every_bin()
    off, data, prior = jax.device_get(_begin(likelihood.problem, likelihood.start))
    n = len(likelihood.free_names)
    return Forecast(likelihood, off, data[:n, :n], positive_part(prior[:n, :n]))
