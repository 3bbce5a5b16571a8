"""Chi-square statistics of flux points."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import log_ndtr

__all__ = ["chi2", "chi2_asymmetric", "chi2_weight"]


def chi2(flux: Array, value: Array, error: Array) -> Array:
    """Return ``((flux - value) / error)**2``.

    Parameters
    ----------
    flux
        Predicted flux.
    value, error
        Measured flux and its error, in the same unit.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> chi2(jnp.array(3.0), jnp.array(1.0), jnp.array(2.0)).item()
    1.0
    """
    return ((flux - value) / error) ** 2


def chi2_asymmetric(flux: Array, value: Array, errn: Array, errp: Array, ul: Array, is_ul: Array) -> Array:
    r"""Return chi-square with errors that differ up and down, and upper limits.

    A measured point uses ``errp`` where the model lies above it and ``errn`` below. An upper limit u is
    censored data: with a resolution of :math:`u/\sqrt{2}` it adds
    :math:`-2 \ln[\Phi(\sqrt{2}(u - f)/u) / \Phi(\sqrt{2})]`, which is zero for a vanishing flux and grows like
    a parabola above the limit.

    Parameters
    ----------
    flux
        Predicted flux.
    value, errn, errp
        Measured flux and its errors.
    ul, is_ul
        Upper limit, and which points are upper limits.
    """
    error = jnp.where(flux >= value, errp, errn)
    measured = jnp.where(is_ul, 0.0, (flux - value) / jnp.where(is_ul, 1.0, error))
    limit = jnp.where(is_ul, ul, 1.0)
    argument = jnp.where(is_ul, jnp.sqrt(2.0) * (limit - flux) / limit, 0.0)
    penalty = -2 * (log_ndtr(argument) - log_ndtr(jnp.sqrt(2.0)))
    return jnp.where(is_ul, penalty, measured**2)


def chi2_weight(error: Array) -> Array:
    """Return the Fisher information of a flux: ``1 / error**2``."""
    return error**-2.0
