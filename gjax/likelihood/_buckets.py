"""Frozen datasets: arrays of one shape, stacked along the dataset axis.

A bucket turns a prediction into a statistic. Masked and padded bins are neutral whatever they hold, because
they are replaced on the way in.
"""

from __future__ import annotations

import abc

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from gjax.likelihood._gaussian import chi2_asymmetric, chi2_weight
from gjax.likelihood._on_off import wstat, wstat_observed, wstat_weight
from gjax.likelihood._poisson import cash, cash_weight

__all__ = [
    "AbstractBucket",
    "AbstractCubes",
    "AbstractFluxPointSets",
    "CashCubes",
    "CashSpectra",
    "CorrelatedFluxPointSets",
    "FluxPointSets",
    "OnOffCubes",
    "OnOffSpectra",
]


class AbstractBucket(eqx.Module):
    """Datasets of one kind and one (padded) shape."""

    mask: eqx.AbstractVar[Array]

    @abc.abstractmethod
    def statistic(self, mu: Array) -> Array:
        """Return the statistic per bin, 0 outside the mask."""

    @abc.abstractmethod
    def weight(self, mu: Array) -> Array:
        """Return the Fisher information of the prediction per bin, 0 outside the mask."""


class CashSpectra(AbstractBucket):
    """Spectra with a known background, shape (datasets, energy)."""

    counts: Array
    background: Array
    mask: Array
    edges: Array
    exposure: Array
    edisp: Array

    def _total(self, mu: Array) -> tuple[Array, Array]:
        return jnp.where(self.mask, mu + self.background, 1.0), jnp.where(self.mask, self.counts, 1.0)

    def statistic(self, mu: Array) -> Array:
        total, counts = self._total(mu)
        return jnp.where(self.mask, cash(total, counts), 0.0)

    def weight(self, mu: Array) -> Array:
        total, counts = self._total(mu)
        return jnp.where(self.mask, cash_weight(total, counts), 0.0)


class OnOffSpectra(AbstractBucket):
    """Spectra with a measured background, shape (datasets, energy)."""

    counts: Array
    counts_off: Array
    alpha: Array
    mask: Array
    edges: Array
    exposure: Array
    edisp: Array

    def statistic(self, mu: Array) -> Array:
        return jnp.where(self.mask, wstat(*_on_off(self, mu)), 0.0)

    def weight(self, mu: Array) -> Array:
        return jnp.where(self.mask, wstat_weight(*_on_off(self, mu)), 0.0)


def _on_off(bucket: OnOffSpectra | OnOffCubes, mu: Array) -> tuple[Array, ...]:
    return tuple(jnp.where(bucket.mask, v, 1.0) for v in (mu, bucket.counts, bucket.counts_off, bucket.alpha))


class AbstractCubes(AbstractBucket):
    """Cubes: bins one by one, and sums over others.

    The statistic of a bin without counts is linear in its prediction, so one number stands for all of them. Bins that
    no source reaches share one factor on their background per energy; they are one bin each energy, and a constant.
    Predictions have the shape (datasets, bins + sums).

    Parameters
    ----------
    counts
        Counts of the occupied bins; 0 in padding and in the last places, which are the sums over all others.
    mask
        True for occupied bins and the sums.
    energy_bin
        Energy bin of each occupied bin, shape (datasets, bins).
    sums
        1 where an energy bin belongs to a sum, shape (datasets, energy, sums).
    constant
        What bins that are one lack of the statistic of each for itself, shape (datasets, sums).
    energy
        Centres of the energy bins [TeV], shape (datasets, energy).
    edges
        Edges of the true energies [TeV], shape (datasets, energy_true + 1).
    """

    counts: eqx.AbstractVar[Array]
    energy_bin: eqx.AbstractVar[Array]
    sums: eqx.AbstractVar[Array]
    constant: eqx.AbstractVar[Array]
    energy: eqx.AbstractVar[Array]
    edges: eqx.AbstractVar[Array]


def _with_constant(bucket: AbstractCubes, values: Array) -> Array:
    room = jnp.zeros((len(values), values.shape[1] - bucket.constant.shape[1]), values.dtype)
    return jnp.where(bucket.mask, values + jnp.concatenate([room, bucket.constant], axis=1), 0.0)


class CashCubes(AbstractCubes):
    """Cubes with a known background.

    Parameters
    ----------
    counts, mask, energy_bin, sums, constant, energy, edges
        See `AbstractCubes`.
    background
        Background in the occupied bins, shape (datasets, bins).
    background_rest
        Background in the other bins of the mask, per energy, shape (datasets, energy).
    """

    counts: Array
    mask: Array
    background: Array
    background_rest: Array
    energy_bin: Array
    sums: Array
    constant: Array
    energy: Array
    edges: Array

    def statistic(self, mu: Array) -> Array:
        total, counts = jnp.where(self.mask, mu, 1.0), jnp.where(self.mask, self.counts, 1.0)
        return _with_constant(self, cash(total, counts))

    def weight(self, mu: Array) -> Array:
        # the Fisher information of empty bins is not that of their sum: use the observed one, n / mu^2
        floor = 1e-3 * jnp.maximum(self.counts, 1e-3)
        observed = self.counts / jnp.maximum(jnp.where(self.mask, mu, 1.0), floor) ** 2
        return jnp.where(self.mask & (self.counts > 0), observed, 0.0)


class OnOffCubes(AbstractCubes):
    """Cubes with a measured background: the prediction is the signal alone.

    Parameters
    ----------
    counts, mask, energy_bin, sums, constant, energy, edges
        See `AbstractCubes`.
    counts_off, alpha
        Off counts and ratio of acceptances of the occupied bins. In the last places those of one bin whose statistic
        is that of all bins without on counts, 2 (sum of mu + sum of n_off ln(1 + alpha)).
    """

    counts: Array
    counts_off: Array
    alpha: Array
    mask: Array
    energy_bin: Array
    sums: Array
    constant: Array
    energy: Array
    edges: Array

    def statistic(self, mu: Array) -> Array:
        return _with_constant(self, wstat(*_on_off(self, mu)))

    def weight(self, mu: Array) -> Array:
        # observed, not expected: the information of empty bins is not that of their sum
        return jnp.where(self.mask, wstat_observed(*_on_off(self, mu)), 0.0)


class AbstractFluxPointSets(AbstractBucket):
    """Flux points, shape (datasets, points): dN/dE [TeV-1 s-1 cm-2] at an energy [TeV]."""

    energy: eqx.AbstractVar[Array]

    @abc.abstractmethod
    def fold(self, flux: Array) -> Array:
        """Return what is compared with the points, from the flux at their energies."""


class FluxPointSets(AbstractFluxPointSets):
    """Flux points that are independent of each other."""

    energy: Array
    dnde: Array
    errn: Array
    errp: Array
    ul: Array
    is_ul: Array
    mask: Array

    def fold(self, flux: Array) -> Array:
        return flux

    def statistic(self, mu: Array) -> Array:
        # relative to the point (or limit), so that single precision keeps fluxes of 1e-20
        unit = jnp.where(self.mask, jnp.where(self.is_ul, self.ul, self.errp), 1.0)
        mu = jnp.where(self.mask, mu, 0.0)
        parts = (mu, self.dnde, self.errn, self.errp, self.ul)
        flux, dnde, errn, errp, ul = (jnp.where(self.mask, part / unit, 1.0) for part in parts)
        return jnp.where(self.mask, chi2_asymmetric(flux, dnde, errn, errp, ul, self.is_ul), 0.0)

    def weight(self, mu: Array) -> Array:
        error = jnp.where(self.is_ul, self.ul / jnp.sqrt(2.0), jnp.where(mu >= self.dnde, self.errp, self.errn))
        return jnp.where(self.mask, chi2_weight(jnp.where(self.mask, error, 1.0)), 0.0)


class CorrelatedFluxPointSets(AbstractFluxPointSets):
    """Flux points with a covariance C: chi-square of what a matrix W with W C W^T = 1 makes of them.

    Parameters
    ----------
    energy, mask
        See `AbstractFluxPointSets`.
    value
        W times the measured fluxes.
    whiten
        W, shape (datasets, points, points); points outside of the mask have a row and column of their own.
    """

    energy: Array
    value: Array
    whiten: Array
    mask: Array

    def fold(self, flux: Array) -> Array:
        return jnp.einsum("dpq,dq->dp", self.whiten, flux, precision="highest")

    def statistic(self, mu: Array) -> Array:
        return jnp.where(self.mask, jnp.where(self.mask, mu - self.value, 0.0) ** 2, 0.0)

    def weight(self, mu: Array) -> Array:
        return jnp.where(self.mask, jnp.ones_like(mu), 0.0)
