"""What can be asked of draws from a posterior, whatever drew them."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from gjax.freeze._spectral import integrated, peak_of
from gjax.parameters import fill
from gjax.units import DNDE, attach_unit, to_canonical

__all__ = ["AbstractDraws", "weighted_quantile"]

#: Median and central 68.3 %.
QUANTILES = (0.158655, 0.5, 0.841345)


def weighted_quantile(values: np.ndarray, weights: np.ndarray | None, quantiles: Sequence[float]) -> np.ndarray:
    """Return quantiles along the first axis, shape (quantiles, ...).

    Parameters
    ----------
    values
        Shape (draws, ...); NaN are left out.
    weights
        Shape (draws,); None where all count the same.
    quantiles
        Probabilities.

    Examples
    --------
    >>> weighted_quantile(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.5, 0.5]), [0.5])
    array([2.5])
    """
    if weights is None:
        with np.errstate(all="ignore"):
            bare = np.isnan(values).all(axis=0)
            filled = np.where(bare, 0.0, values)
            return np.where(bare, np.nan, np.nanquantile(filled, quantiles, axis=0))
    flat = values.reshape(len(values), -1)
    out = np.full((len(quantiles), flat.shape[1]), np.nan)
    for i, column in enumerate(flat.T):
        good = np.isfinite(column) & (weights > 0)
        if good.any():
            order = np.argsort(column[good], kind="stable")
            mass = weights[good][order]
            out[:, i] = np.interp(quantiles, (np.cumsum(mass) - 0.5 * mass) / mass.sum(), column[good][order])
    return out.reshape(len(quantiles), *values.shape[1:])


class AbstractDraws(abc.ABC):
    """Draws from a posterior, with or without weights."""

    samples: dict[str, np.ndarray]
    units: dict[str, str]
    result: Any
    weights: np.ndarray | None

    def flat(self, name: str) -> np.ndarray:
        """Return all draws of a parameter.

        Parameters
        ----------
        name
            Its name, or the end of it.

        Raises
        ------
        KeyError
            If no parameter, or more than one, is called so.
        """
        if name in self.samples:
            return self.samples[name].ravel()
        found = [full for full in self.samples if full.endswith("." + name)]
        if len(found) != 1:
            raise KeyError(f"{name!r} fits {len(found)} of the parameters sampled: {', '.join(self.samples)}")
        return self.samples[found[0]].ravel()

    def matrix(self) -> np.ndarray:
        """Return all draws, shape (draws, parameters), in the parameters' units."""
        return np.column_stack([draws.ravel() for draws in self.samples.values()])

    def likelihood(self) -> Any:
        """Return the likelihood that was sampled.

        Raises
        ------
        ValueError
            If the draws were read from a file without one.
        """
        if self.result is None:
            raise ValueError("the draws were read without their likelihood: give it to `Posterior.read`")
        return self.result.likelihood

    def free_vectors(self) -> np.ndarray:
        """Return the draws as padded free vectors of `likelihood`, in units of its scales."""
        likelihood = self.likelihood()
        x = np.zeros((len(self.matrix()), likelihood.problem.index.shape[0]))
        origins = likelihood.table.origins[likelihood.table.free]
        x[:, : len(likelihood.free_names)] = (self.matrix() - origins) / likelihood.scale
        return x

    def propagate(self, function: Any, source: str) -> np.ndarray:
        """Return any function of a source's spectral model for every draw, shape (draws, ...).

        Parameters
        ----------
        function
            Takes the spectral model with arrays in place of parameters; written with ``jax.numpy``.
        source
            Name of the source.
        """
        likelihood = self.likelihood()
        models = likelihood.models
        models[source]  # a name that does not exist is an error that lists those that do
        skeletons, table = models.freeze_tree()
        skeleton = skeletons[models.names.index(source)].spectral_model
        theta = jax.device_put(table.counted)
        index, origins = jax.device_put((np.flatnonzero(table.free), table.origins[table.free]))

        def one(values: Any) -> Any:
            return function(fill(skeleton, theta.at[index].set(values - origins)))

        return np.asarray(jax.jit(lambda v: jax.lax.map(one, v, batch_size=256))(jax.device_put(self.matrix())))

    def quantiles(self, values: np.ndarray, quantiles: Sequence[float] = QUANTILES) -> np.ndarray:
        """Return quantiles of what `propagate` returned, shape (quantiles, ...).

        Parameters
        ----------
        values
            Shape (draws, ...).
        quantiles
            Probabilities; by default the median between the ends of the central 68.3 %.
        """
        return weighted_quantile(np.asarray(values, dtype=float), self.weights, quantiles)

    def dnde(self, source: str, energy: Any, quantiles: Sequence[float] = QUANTILES) -> Any:
        """Return quantiles of the differential flux of a source at energies (Quantity): a butterfly.

        Parameters
        ----------
        source
            Name of the source.
        energy
            Energies.
        quantiles
            Probabilities.
        """
        at = jax.device_put(np.asarray(to_canonical(energy, "TeV", "energy"), float))
        return attach_unit(self.quantiles(self.propagate(lambda m: m.evaluate(at), source), quantiles), DNDE)

    def flux(self, source: str, energy_min: Any, energy_max: Any, quantiles: Sequence[float] = QUANTILES) -> Any:
        """Return quantiles of the photon flux of a source between two energies (Quantity)."""
        function = integrated(self.likelihood().models[source], energy_min, energy_max, "integrate")
        return attach_unit(self.quantiles(self.propagate(function, source), quantiles), "s-1 cm-2")

    def energy_flux(self, source: str, energy_min: Any, energy_max: Any, quantiles: Sequence[float] = QUANTILES) -> Any:
        """Return quantiles of the energy flux of a source between two energies (Quantity)."""
        function = integrated(self.likelihood().models[source], energy_min, energy_max, "integrate_energy")
        return attach_unit(self.quantiles(self.propagate(function, source), quantiles), "TeV s-1 cm-2")

    def peak_energy(
        self,
        source: str,
        energy_min: Any = "1 GeV",
        energy_max: Any = "1000 TeV",
        quantiles: Sequence[float] = QUANTILES,
    ) -> Any:
        """Return quantiles of the energy (Quantity) at which E² dN/dE is largest.

        Draws without a maximum between the two energies are left out; NaN if none has one.

        Parameters
        ----------
        source
            Name of the source.
        energy_min, energy_max
            Where to look.
        quantiles
            Probabilities.
        """
        values = self.propagate(peak_of(energy_min, energy_max), source)
        return attach_unit(self.quantiles(values, quantiles), "TeV")

    def plot_band(self, source: str, energy_bounds: Any, *, ax: Any = None, **options: Any) -> Any:
        """Plot the median spectrum of a source with its 68.3 % band and return the axis.

        Parameters
        ----------
        source
            Name of the source.
        energy_bounds
            Lowest and highest energy.
        ax
            Axes; a new one if None.
        options
            Given to `gjax.plot.plot_posterior_band`.
        """
        from gjax.plot import plot_posterior_band

        return plot_posterior_band(self, source, energy_bounds, ax=ax, **options)

    def predictive(self, key: Any, *, n: int = 500) -> Any:
        """Return a posterior predictive check: data drawn from the posterior beside those measured.

        Parameters
        ----------
        key
            Random key.
        n
            Number of replicated data sets.
        """
        from gjax.freeze._predictive import posterior_predictive

        return posterior_predictive(self, key, n)

    def plot_corner(self, **options: Any) -> Any:
        """Draw a corner plot and return the matplotlib figure.

        Parameters
        ----------
        options
            Given to `gjax.plot.plot_corner`.
        """
        from gjax.plot import plot_corner

        flat = {name: draws.ravel() for name, draws in self.samples.items()}
        if self.weights is not None:
            # draws of equal weight, at even steps of the cumulative weight
            at = np.searchsorted(np.cumsum(self.weights), (np.arange(4000) + 0.5) / 4000)
            flat = {name: draws[np.minimum(at, len(draws) - 1)] for name, draws in flat.items()}
        return plot_corner(flat, units=self.units, **options)
