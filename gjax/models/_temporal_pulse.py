"""A pulse that rises and falls at different paces."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.models._temporal import AbstractTemporalModel, reference
from gjax.parameters import ParameterField, parameter

__all__ = ["GeneralizedGaussianTemporalModel"]

#: Beyond this exponent there is nothing left of a pulse.
_END = 45.0


class GeneralizedGaussianTemporalModel(AbstractTemporalModel):
    r"""A pulse with a rise and a decay of their own, of any sharpness.

    .. math:: \psi(t) = \exp\left(-\frac{1}{2} \left(\frac{|t - t_\mathrm{ref}|}{\tau}\right)^{1/\eta}\right)

    with the time constant :math:`t_\mathrm{rise}` before and :math:`t_\mathrm{decay}` after the peak.

    Parameters
    ----------
    t_ref
        Time of the peak [MJD].
    t_rise
        Time constant before the peak [d]; the default is 1.
    t_decay
        Time constant after the peak [d]; the default is 1.
    eta
        Sharpness: 0.5 (the default) is a Gaussian on each side, 1 an exponential, and small numbers are boxes.

    References
    ----------
    Norris et al. 1996, ApJ 459, 393.

    Examples
    --------
    >>> model = GeneralizedGaussianTemporalModel(t_ref=59000, t_rise="1 d", t_decay="2 d", eta=1.0)
    >>> print(model(59002.0).round(6), model.integral(59000, 59100).round(6))
    0.606531 0.04
    """

    tag: ClassVar[str] = "gengauss"
    t_ref: ParameterField = reference()
    t_rise: ParameterField = parameter(1.0, "d")
    t_decay: ParameterField = parameter(1.0, "d")
    eta: ParameterField = parameter(0.5)

    def evaluate(self, time: Array) -> Array:
        since = time - self.t_ref
        return _profile(
            jnp.abs(since) / _positive(jnp.where(since < 0, self.t_rise, self.t_decay)), _positive(self.eta)
        )

    def integrate(self, start: Array, width: Array) -> Array:
        rise, decay, eta = _positive(self.t_rise), _positive(self.t_decay), _positive(self.eta)
        low = start - self.t_ref
        high = low + width
        before = jnp.where(high < 0, width, jnp.maximum(-low, 0.0))
        after = jnp.where(low > 0, width, jnp.maximum(high, 0.0))
        left = rise * _integral(jnp.maximum(-high, 0.0) / rise, before / rise, eta)
        return left + decay * _integral(jnp.maximum(low, 0.0) / decay, after / decay, eta)


def _positive(value: Array) -> Array:
    return jnp.maximum(jnp.abs(value), 1e-12)


def _profile(x: Array, eta: Array) -> Array:
    """Return exp(-x^(1/eta) / 2) for x that is not negative."""
    is_off = x > 0
    power = jnp.minimum(jnp.log(jnp.where(is_off, x, 1.0)) / eta, np.log(1400.0))
    return jnp.where(is_off, jnp.exp(-0.5 * jnp.exp(power)), 1.0)


def _integral(low: Array, width: Array, eta: Array, nodes: int = 32) -> Array:
    """Integrate the profile from a distance from the peak on, in units of its time constant.

    The nodes crowd towards the peak, where powers are not smooth, and end where nothing is left. All derivatives are
    those of a sum of smooth functions, as long as the peak is not at the edge of an interval.
    """
    dtype = jnp.result_type(low, eta)
    log_low = jnp.log(jnp.where(low > 0, low, 1.0)) / eta
    growth = jnp.where(low > 0, jnp.logaddexp(np.log(2 * _END).astype(dtype), log_low), np.log(2 * _END))
    width = jnp.clip(jnp.exp(jnp.minimum(eta * growth, 80.0)) - low, 0.0, width)
    y, weight = _crowded(nodes)
    x = low[..., None] + width[..., None] * y.astype(dtype)
    return width * jnp.sum(_profile(x, eta) * weight.astype(dtype), axis=-1)


def _crowded(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of an integral from 0 to 1, in four parts, that crowd towards 0."""
    x, weight = np.polynomial.legendre.leggauss(nodes)
    v = (0.125 * (x + 1) + 0.25 * np.arange(4)[:, None]).ravel()
    return v**3, np.tile(0.125 * weight, 4) * 3 * v**2
