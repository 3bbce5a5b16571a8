"""Factors that vary with time as elementary functions do, and their integrals."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.models._integrate import bounded_exp, expm1_ratio
from gjax.models._temporal import AbstractTemporalModel, reference
from gjax.models._temporal_face import panels
from gjax.parameters import ParameterField, parameter

__all__ = [
    "ConstantTemporalModel",
    "ExpDecayTemporalModel",
    "GaussianTemporalModel",
    "LinearTemporalModel",
    "PowerLawTemporalModel",
    "SineTemporalModel",
]


class ConstantTemporalModel(AbstractTemporalModel):
    r"""A factor that is always one.

    .. math:: \psi(t) = 1

    References
    ----------
    The constant source, see `gammapy.modeling.models.ConstantTemporalModel`.

    Examples
    --------
    >>> print(ConstantTemporalModel()(59000.0))
    1.0
    """

    tag: ClassVar[str] = "const"

    def evaluate(self, time: Array) -> Array:
        return jnp.ones_like(time)

    def integrate(self, start: Array, width: Array) -> Array:
        return width


class LinearTemporalModel(AbstractTemporalModel):
    r"""A straight line.

    .. math:: \psi(t) = \alpha + \beta \, (t - t_\mathrm{ref})

    Parameters
    ----------
    alpha
        Value at the reference time; the default is 1.
    beta
        Slope [d-1]; the default is 0.
    t_ref
        Reference time [MJD]; frozen.

    References
    ----------
    The first two terms of a Taylor series.

    Examples
    --------
    >>> model = LinearTemporalModel(beta="0.1 d-1", t_ref=59000)
    >>> print(model(59002.0).round(12), model.integral(59000.0, 59004.0).round(12))
    1.2 1.2
    """

    tag: ClassVar[str] = "linear"
    alpha: ParameterField = parameter(1.0)
    beta: ParameterField = parameter(0.0, "d-1", scale=0.1)
    t_ref: ParameterField = reference(frozen=True)

    def evaluate(self, time: Array) -> Array:
        return self.alpha + self.beta * (time - self.t_ref)

    def integrate(self, start: Array, width: Array) -> Array:
        return width * self.evaluate(start + 0.5 * width)


class ExpDecayTemporalModel(AbstractTemporalModel):
    r"""An exponential decay; a rise, if the time constant is negative.

    .. math:: \psi(t) = \exp\left(-\frac{t - t_\mathrm{ref}}{t_0}\right)

    Parameters
    ----------
    t0
        Time constant [d]; the default is 1.
    t_ref
        Reference time [MJD]; frozen.

    References
    ----------
    The law of a decay, Rutherford and Soddy 1902, Phil. Mag. 4, 370.

    Examples
    --------
    >>> print(ExpDecayTemporalModel(t0="2 d", t_ref=59000)(59002.0).round(6))
    0.367879
    """

    tag: ClassVar[str] = "exp-decay"
    t0: ParameterField = parameter(1.0, "d")
    t_ref: ParameterField = reference(frozen=True)

    def evaluate(self, time: Array) -> Array:
        return bounded_exp(-(time - self.t_ref) / _nonzero(self.t0))

    def integrate(self, start: Array, width: Array) -> Array:
        # from the end where it is largest: the other way round products of zero and infinity come up
        t0 = _nonzero(self.t0)
        top = jnp.where(t0 > 0, start, start + width)
        return self.evaluate(top) * width * expm1_ratio(-width / jnp.abs(t0))


class GaussianTemporalModel(AbstractTemporalModel):
    r"""A Gaussian in time, one at its peak.

    .. math:: \psi(t) = \exp\left(-\frac{(t - t_\mathrm{ref})^2}{2 \sigma^2}\right)

    Parameters
    ----------
    t_ref
        Time of the peak [MJD].
    sigma
        Width [d]; the default is 1.

    References
    ----------
    Abramowitz and Stegun 1964, chapter 7, for the integral.

    Examples
    --------
    >>> model = GaussianTemporalModel(t_ref=59000.25, sigma="1 d")
    >>> print(model(59001.25).round(6), model.integral(58990, 59010).round(6))
    0.606531 0.125331
    """

    tag: ClassVar[str] = "gauss"
    t_ref: ParameterField = reference()
    sigma: ParameterField = parameter(1.0, "d")

    def evaluate(self, time: Array) -> Array:
        return jnp.exp(-0.5 * jnp.square((time - self.t_ref) / _nonzero(self.sigma)))

    def integrate(self, start: Array, width: Array) -> Array:
        sigma = jnp.abs(_nonzero(self.sigma))
        low, span = (start - self.t_ref) / sigma, width / sigma
        # differences of error functions lose their digits in short intervals and far from the peak
        is_short = span < 2.0
        a, b = jnp.where(is_short, low, 0.0), jnp.where(is_short, span, 0.0)
        short = panels(lambda x: jnp.exp(-0.5 * jnp.square(x)), a, b, np.empty(0), nodes=16)
        return sigma * jnp.where(is_short, short, _normal_integral(low, low + span))


def _normal_integral(low: Array, high: Array) -> Array:
    """Integrate exp(-x^2 / 2), with the digits of the smaller tail."""
    root = np.sqrt(0.5)
    near = jnp.where(low > 0, low, jnp.where(high < 0, -high, 0.0))
    far = jnp.where(low > 0, high, jnp.where(high < 0, -low, 0.0))
    one_side = jax.scipy.special.erfc(near * root) - jax.scipy.special.erfc(far * root)
    both = jax.scipy.special.erf(high * root) - jax.scipy.special.erf(low * root)
    return np.sqrt(np.pi / 2) * jnp.where((low > 0) | (high < 0), one_side, both)


class PowerLawTemporalModel(AbstractTemporalModel):
    r"""A power of the time since a reference, such as an afterglow; zero before.

    .. math:: \psi(t) = \left(\frac{t - t_\mathrm{ref}}{t_0}\right)^{\alpha}

    Parameters
    ----------
    alpha
        Power: negative for a decay; the default is 1.
    t_ref
        Reference time [MJD]; frozen.
    t0
        Time since the reference where the factor is one [d]; frozen.

    References
    ----------
    Sari, Piran and Narayan 1998, ApJ 497, L17 (arXiv astro-ph/9712005), for afterglows.

    Examples
    --------
    >>> model = PowerLawTemporalModel(alpha=-1.0, t_ref=59000)
    >>> print(model(59002.0).round(12), model(58999.0), model.integral(59001, 59002).round(6))
    0.5 0.0 0.693147
    """

    tag: ClassVar[str] = "powerlaw"
    alpha: ParameterField = parameter(1.0)
    t_ref: ParameterField = reference(frozen=True)
    t0: ParameterField = parameter(1.0, "d", frozen=True)

    def evaluate(self, time: Array) -> Array:
        x = (time - self.t_ref) / self.t0
        has_begun = x > 0
        return jnp.where(has_begun, bounded_exp(self.alpha * jnp.log(jnp.where(has_begun, x, 1.0))), 0.0)

    def integrate(self, start: Array, width: Array) -> Array:
        low, span = (start - self.t_ref) / self.t0, width / self.t0
        high = low + span
        is_after, is_in = low > 0, (low <= 0) & (high > 0)
        safe = jnp.where(is_after, low, 1.0)
        growth = jnp.log1p(span / safe)
        after = bounded_exp((self.alpha + 1) * jnp.log(safe)) * growth * expm1_ratio((self.alpha + 1) * growth)
        # from the beginning on it is finite for powers above -1 only
        slope = jnp.where(is_in & (self.alpha > -1), self.alpha + 1, 1.0)
        since = jnp.exp(slope * jnp.log(jnp.where(is_in, high, 1.0))) / slope
        inside = jnp.where(self.alpha > -1, since, jnp.inf)
        return self.t0 * jnp.where(is_after, after, jnp.where(is_in, inside, 0.0))


class SineTemporalModel(AbstractTemporalModel):
    r"""A sine on top of one.

    .. math:: \psi(t) = 1 + A \, \sin\left(\omega \, (t - t_\mathrm{ref})\right)

    Parameters
    ----------
    amp
        Amplitude A; the default is 1.
    omega
        Angular frequency [rad d-1]; the default is 1.
    t_ref
        A time where the sine is zero and rises [MJD].

    References
    ----------
    The first harmonic of a Fourier series; its mean over a time T falls with sin(x) / x at x = omega T / 2.

    Examples
    --------
    >>> model = SineTemporalModel(amp=0.5, omega="0.37 rad / d", t_ref=59000)
    >>> print(model.integral(59000, 59010).round(4))
    1.2497
    """

    tag: ClassVar[str] = "sinus"
    amp: ParameterField = parameter(1.0)
    omega: ParameterField = parameter(1.0, "rad d-1")
    t_ref: ParameterField = reference()

    def evaluate(self, time: Array) -> Array:
        return 1.0 + self.amp * jnp.sin(self.omega * (time - self.t_ref))

    def integrate(self, start: Array, width: Array) -> Array:
        middle = start - self.t_ref + 0.5 * width
        return width * (1.0 + self.amp * jnp.sin(self.omega * middle) * _sinc(0.5 * self.omega * width))


def _sinc(x: Array) -> Array:
    """Return ``sin(x) / x``, smooth to second order through zero."""
    is_small = jnp.abs(x) < 0.3
    square = jnp.square(jnp.where(is_small, x, 0.0))
    series = 1 - square / 6 * (1 - square / 20 * (1 - square / 42 * (1 - square / 72 * (1 - square / 110))))
    safe = jnp.where(is_small, 1.0, x)
    return jnp.where(is_small, series, jnp.sin(safe) / safe)


def _nonzero(width: Array, least: float = 1e-12) -> Array:
    """Return a width, or a tenth of a microsecond in place of zero."""
    return jnp.where(jnp.abs(width) < least, least, width)
