r"""Priors on several parameters together: populations, Gaussian processes, blocks, smoothness.

All are normal in the deviations of the parameters from a mean, which may be a parameter itself, as may be the widths:
:math:`-2 \ln p = |L^{-1} (x - m)|^2 + 2 \ln \det L`. Everything is an array of the frozen table, so that other
values, means, nodes and covariances need no new program.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.parameters._parameter import Parameter
from gjax.units import equal_units

__all__ = [
    "AbstractJointPrior",
    "GaussianBlockPrior",
    "GaussianProcessPrior",
    "PopulationPrior",
    "SmoothnessPrior",
    "joint_prior_class",
    "joint_prior_names",
    "solve",
]

_REGISTRY: dict[str, type[AbstractJointPrior]] = {}


class AbstractJointPrior(eqx.Module):
    """A probability density of several parameters together.

    The fields hold `Parameter` objects on the host, and arrays in compiled functions.
    """

    tag: ClassVar[str] = ""
    #: Names of the fields that are parameters of the prior itself.
    hyper: ClassVar[tuple[str, ...]] = ()
    #: Whether the density has a norm, so that one can sample from it; and whether its determinant varies.
    is_normalised: ClassVar[bool] = True
    has_determinant: ClassVar[bool] = True
    parameters: eqx.AbstractVar[tuple[Any, ...]]
    name: eqx.AbstractVar[str]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if cls.tag:
            _REGISTRY[cls.tag] = cls

    def values(self) -> Array:
        """Return all values in one vector."""
        return jnp.concatenate([jnp.ravel(jnp.asarray(p)) for p in self.parameters])

    @abc.abstractmethod
    def deviations(self) -> Array:
        """Return what is normal with mean zero, shape (m,)."""

    @abc.abstractmethod
    def factor(self) -> Array:
        """Return the standard deviations, shape (m,), or the lower Cholesky factor of the covariance, shape (m, m)."""

    def log_jacobian(self) -> Array:
        """Return the logarithm of what the deviations change by when the parameters do, with a minus."""
        return jnp.zeros(())

    def is_defined(self) -> Array:
        """Tell whether the density is not zero."""
        return jnp.asarray(True)

    def statistic(self) -> Array:
        """Return ``-2 ln p`` without constants; infinite where the density is zero."""
        factor = self.factor()
        whitened = solve(factor, self.deviations())
        total = jnp.sum(jnp.square(whitened)) + 2 * self.log_jacobian()
        if self.has_determinant:
            total = total + 2 * jnp.sum(jnp.log(factor if factor.ndim == 1 else jnp.diagonal(factor)))
        return jnp.where(self.is_defined(), total, jnp.inf)

    def log_norm(self, number: int) -> float:
        """Return the logarithm of what `statistic` leaves out: the integral of exp(-statistic / 2) over the values."""
        return 0.5 * number * float(np.log(2 * np.pi))

    def settled(self, skeleton: Any) -> Any:
        """Return the skeleton of the prior, or of one that is the same with fewer operations (host)."""
        return skeleton

    # ---- model files ----

    def file_fields(self) -> dict[str, Any]:
        """Return what a model file says beside type, name and parameters, as plain data."""
        named = (*self.hyper, "parameters", "name")
        found = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in named}
        return {key: np.asarray(v).tolist() if isinstance(v, np.ndarray) else v for key, v in found.items()}


def solve(factor: Array, columns: Array) -> Array:
    """Return the columns in units of the standard deviations."""
    if factor.ndim == 1:
        return columns / (factor if columns.ndim == 1 else factor[:, None])
    return jax.scipy.linalg.solve_triangular(factor, columns, lower=True)


def _parameters(value: Any, where: str, *, alike: bool = True) -> tuple[Parameter, ...]:
    found = (value,) if isinstance(value, Parameter) else tuple(value)
    for one in found:
        if not isinstance(one, Parameter):
            raise TypeError(f"{where}.parameters: expected parameters, got {type(one).__name__}")
    if not found:
        raise ValueError(f"{where}.parameters: expected at least one")
    if len({id(p) for p in found}) < len(found):
        raise ValueError(f"{where}.parameters: a parameter is named twice")
    if alike and not all(equal_units(p.unit, found[0].unit) for p in found):
        raise ValueError(f"{where}.parameters: expected one unit, got {', '.join(p.unit or 'none' for p in found)}")
    return found


def _number(parameters: tuple[Parameter, ...]) -> int:
    return sum(p.size for p in parameters)


def _hyper(value: Any, unit: str, where: str, **options: Any) -> Parameter:
    if not isinstance(value, Parameter):
        return Parameter(value, unit, name=where, **options)
    if not equal_units(value.unit, unit) or value.size != 1:
        raise ValueError(f"{where}: expected one parameter in {unit!r}, got {value.size} in {value.unit!r}")
    return value


def _logs(values: Array) -> Array:
    return jnp.log(jnp.where(values > 0, values, 1.0))


class _Normal(AbstractJointPrior):
    """What priors on values or their logarithms share."""

    is_log: eqx.AbstractVar[bool]

    def coordinates(self) -> Array:
        """Return the values or their logarithms."""
        return _logs(self.values()) if self.is_log else self.values()

    def log_jacobian(self) -> Array:
        return jnp.sum(_logs(self.values())) if self.is_log else jnp.zeros(())

    def is_defined(self) -> Array:
        return jnp.all(self.values() > 0) if self.is_log else jnp.asarray(True)


class PopulationPrior(_Normal):
    r"""Parameters of many sources drawn from one normal distribution, whose mean and width are parameters themselves.

    .. math:: -2 \ln p = \sum_i \left(\frac{x_i - \mu}{\sigma}\right)^2 + 2 N \ln \sigma

    The most probable width of a population whose members are badly known is zero: give the width a lower bound or a
    prior, and rather sample than fit.

    Parameters
    ----------
    parameters
        The parameters of the sources, or one array parameter.
    mean, sigma
        Mean and width of the population: numbers (which become free parameters) or `Parameter`.
    is_log
        True if the logarithms of the parameters are normal, with mean and width of the logarithms.
    name
        Name of the prior: mean and width are called ``name.mean`` and ``name.sigma``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is none, or units differ.

    Examples
    --------
    >>> indices = [Parameter(2.1), Parameter(2.4)]
    >>> population = PopulationPrior(indices, mean=2.2, sigma=0.2, name="indices")
    >>> round(float(population.filled().statistic()), 3)
    -5.188
    """

    tag: ClassVar[str] = "population"
    hyper: ClassVar[tuple[str, ...]] = ("mean", "sigma")
    parameters: tuple[Any, ...]
    mean: Any
    sigma: Any
    is_log: bool = eqx.field(static=True)
    name: str = eqx.field(static=True)

    def __init__(
        self, parameters: Any, mean: Any, sigma: Any, *, is_log: bool = False, name: str = "population"
    ) -> None:
        self.parameters = _parameters(parameters, name)
        unit = "" if is_log else self.parameters[0].unit
        self.mean = _hyper(mean, unit, f"{name}.mean")
        low = {} if isinstance(sigma, Parameter) else {"min": 0.0}
        self.sigma = _hyper(sigma, unit, f"{name}.sigma", **low)
        if not float(self.sigma.value) > 0:
            raise ValueError(f"{name}.sigma: expected a positive width, got {self.sigma.value}")
        self.is_log, self.name = bool(is_log), str(name)

    def filled(self) -> Any:
        """Return the prior with values in place of parameters."""
        return _filled(self)

    def deviations(self) -> Array:
        return self.coordinates() - self.mean

    def factor(self) -> Array:
        sigma = jnp.where(self.sigma > 0, self.sigma, 1.0)
        return jnp.broadcast_to(sigma, self.values().shape)

    def is_defined(self) -> Array:
        return super().is_defined() & (self.sigma > 0)


def _filled(prior: Any) -> Any:
    return jax.tree_util.tree_map(
        lambda node: jnp.asarray(node.value) if isinstance(node, Parameter) else node,
        prior,
        is_leaf=lambda node: isinstance(node, Parameter),
    )


_KERNELS = ("rbf", "matern12", "matern32", "matern52")


def _kernel(name: str, distance: Any, library: Any = jnp) -> Any:
    """Return the correlation at a distance in units of the length scale; smooth at zero in the length scale."""
    if name == "rbf":
        return library.exp(-0.5 * distance**2)
    x = {"matern12": 1.0, "matern32": np.sqrt(3.0), "matern52": np.sqrt(5.0)}[name] * distance
    shape = {"matern12": 1.0, "matern32": 1 + x, "matern52": 1 + x + x**2 / 3}[name]
    return shape * library.exp(-x)


class GaussianProcessPrior(_Normal):
    r"""A smooth function at nodes: norms per time make a light curve, norms per energy a spectrum.

    .. math:: -2 \ln p = (x - m)^T K^{-1} (x - m) + \ln \det K, \quad
        K_{ij} = a^2 \left(k\left(\frac{|t_i - t_j|}{\ell}\right) + \epsilon \delta_{ij}\right)

    Parameters
    ----------
    parameters
        One array parameter with a value per node, or a parameter per node.
    nodes
        Where the values are: times, or logarithms of energies.
    length_scale
        Distance over which values are alike: a number (frozen) or a `Parameter` without unit.
    amplitude
        Standard deviation of each value: a number (frozen) or a `Parameter`.
    mean
        Mean of the values: a number (frozen) or a `Parameter`; the default is 1, and 0 for logarithms.
    kernel
        "rbf", "matern12", "matern32" (the default) or "matern52".
    is_log
        True if the logarithms of the values are the process.
    jitter
        Relative variance that is not correlated, for stability; the default is 1e-6.
    name
        Name of the prior: its parameters are called ``name.length_scale`` and so on.

    Raises
    ------
    ValueError
        If the numbers of nodes and values differ, the kernel is unknown, or a scale is not positive.

    References
    ----------
    Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, chapter 4.

    Examples
    --------
    >>> norms = Parameter([1.0, 1.1, 0.9], axes={"node": ["0", "1", "2"]})
    >>> process = GaussianProcessPrior(norms, [0.0, 1.0, 2.0], length_scale=2.0, amplitude=0.3)
    >>> process.filled().factor().shape
    (3, 3)
    """

    tag: ClassVar[str] = "gaussian-process"
    hyper: ClassVar[tuple[str, ...]] = ("length_scale", "amplitude", "mean")
    parameters: tuple[Any, ...]
    length_scale: Any
    amplitude: Any
    mean: Any
    nodes: Any
    jitter: Any
    kernel: str = eqx.field(static=True)
    is_log: bool = eqx.field(static=True)
    name: str = eqx.field(static=True)

    def __init__(
        self,
        parameters: Any,
        nodes: Any,
        length_scale: Any,
        *,
        amplitude: Any = 1.0,
        mean: Any = None,
        kernel: str = "matern32",
        is_log: bool = False,
        jitter: float = 1e-6,
        name: str = "process",
    ) -> None:
        self.parameters = _parameters(parameters, name)
        self.nodes = np.asarray(nodes, dtype=float)
        if self.nodes.shape != (_number(self.parameters),) or not np.isfinite(self.nodes).all():
            raise ValueError(f"{name}.nodes: expected {_number(self.parameters)} numbers, got shape {self.nodes.shape}")
        if kernel not in _KERNELS:
            raise ValueError(f"{name}.kernel: expected one of {', '.join(_KERNELS)}, got {kernel!r}")
        unit = "" if is_log else self.parameters[0].unit
        default = (0.0 if is_log else 1.0) if mean is None else mean
        self.length_scale = _hyper(length_scale, "", f"{name}.length_scale", frozen=True)
        self.amplitude = _hyper(amplitude, unit, f"{name}.amplitude", frozen=True)
        self.mean = _hyper(default, unit, f"{name}.mean", frozen=True)
        for key in ("length_scale", "amplitude"):
            if not float(getattr(self, key).value) > 0:
                raise ValueError(f"{name}.{key}: expected a positive number, got {getattr(self, key).value}")
        if not jitter > 0:
            raise ValueError(f"{name}.jitter: expected a positive number, got {jitter}")
        self.kernel, self.is_log, self.name, self.jitter = kernel, bool(is_log), str(name), float(jitter)

    def filled(self) -> Any:
        """Return the prior with values in place of parameters."""
        return _filled(self)

    def deviations(self) -> Array:
        return self.coordinates() - self.mean

    def factor(self) -> Array:
        scale = jnp.where(self.length_scale > 0, self.length_scale, 1.0)
        amplitude = jnp.where(self.amplitude > 0, self.amplitude, 1.0)
        nodes = jnp.asarray(self.nodes, scale.dtype)
        size = nodes.shape[0]
        # a Cholesky factor of a smooth kernel exists up to rounding errors only
        least = jnp.maximum(self.jitter, 8 * size * jnp.finfo(scale.dtype).eps)
        kernel = _kernel(self.kernel, jnp.abs(nodes[:, None] - nodes) / scale)
        return amplitude * jnp.linalg.cholesky(kernel + least.astype(scale.dtype) * jnp.eye(size, dtype=scale.dtype))

    def is_defined(self) -> Array:
        return super().is_defined() & (self.length_scale > 0) & (self.amplitude > 0)

    def settled(self, skeleton: Any) -> Any:
        # a constant factor: second derivatives of a Cholesky factor take seconds to compile
        if not all(getattr(self, key).frozen for key in self.hyper):
            return skeleton
        mean = np.full(_number(self.parameters), float(self.mean.value))
        # on the host: operation by operation it would take seconds
        distance = np.abs(self.nodes[:, None] - self.nodes) / float(self.length_scale.value)
        kernel = _kernel(self.kernel, distance, np) + max(self.jitter, 2e-15 * len(mean)) * np.eye(len(mean))
        root = float(self.amplitude.value) * np.linalg.cholesky(kernel)
        return _SettledProcess(parameters=skeleton.parameters, mean=mean, root=root, is_log=self.is_log, name=self.name)


class _SettledProcess(_Normal):
    """A Gaussian process with constant scales."""

    parameters: tuple[Any, ...]
    mean: Any
    root: Any
    is_log: bool = eqx.field(static=True)
    name: str = eqx.field(static=True)

    def deviations(self) -> Array:
        return self.coordinates() - jnp.asarray(self.mean)

    def factor(self) -> Array:
        return jnp.asarray(self.root)


class GaussianBlockPrior(AbstractJointPrior):
    r"""Several parameters that are normal together, such as the result of another fit.

    .. math:: -2 \ln p = (x - m)^T C^{-1} (x - m)

    (The determinant is a constant, and left out.)

    Parameters
    ----------
    parameters
        The parameters, also array parameters.
    mean
        Mean of every value, in its canonical unit.
    covariance
        Covariance of all values.
    name
        Name of the prior.

    Raises
    ------
    ValueError
        If a shape is another, or the covariance is not positive definite and symmetric.

    Examples
    --------
    >>> pair = [Parameter(2.0), Parameter(1e-11, "TeV-1 s-1 cm-2")]
    >>> block = GaussianBlockPrior(pair, [2.2, 1e-11], [[0.04, 0], [0, 1e-24]])
    >>> round(float(block.filled().statistic()), 9)
    1.0
    """

    tag: ClassVar[str] = "gaussian-block"
    has_determinant: ClassVar[bool] = False
    parameters: tuple[Any, ...]
    mean: Any
    covariance: Any
    root: Any
    name: str = eqx.field(static=True)

    def __init__(self, parameters: Any, mean: Any, covariance: Any, *, name: str = "block") -> None:
        self.parameters = _parameters(parameters, name, alike=False)
        size = _number(self.parameters)
        self.mean, self.covariance = np.asarray(mean, dtype=float), np.asarray(covariance, dtype=float)
        if self.mean.shape != (size,) or self.covariance.shape != (size, size):
            shapes = f"{self.mean.shape} and {self.covariance.shape}"
            raise ValueError(f"{name}: expected a mean of {size} values and their covariance, got shapes {shapes}")
        width = np.sqrt(np.abs(np.diag(self.covariance)))
        try:
            if not np.allclose(self.covariance, self.covariance.T, rtol=1e-9, atol=0):
                raise np.linalg.LinAlgError
            # in units of the widths, which may be 1e-12
            root = np.linalg.cholesky(self.covariance / np.outer(width, width)) * width[:, None]
        except (np.linalg.LinAlgError, FloatingPointError) as error:
            raise ValueError(f"{name}.covariance: expected a symmetric positive matrix") from error
        if not np.isfinite(root).all() or not (np.diag(self.covariance) > 0).all():
            raise ValueError(f"{name}.covariance: expected a symmetric positive matrix")
        self.root, self.name = root, str(name)

    def filled(self) -> Any:
        """Return the prior with values in place of parameters."""
        return _filled(self)

    def deviations(self) -> Array:
        return self.values() - jnp.asarray(self.mean)

    def factor(self) -> Array:
        return jnp.asarray(self.root)

    def log_norm(self, number: int) -> float:
        return super().log_norm(number) + float(np.sum(np.log(np.diag(self.root))))

    def file_fields(self) -> dict[str, Any]:
        return {"mean": self.mean.tolist(), "covariance": self.covariance.tolist()}


class SmoothnessPrior(_Normal):
    r"""A penalty on differences of neighbours: not a normalised density, so that one cannot sample from it alone.

    .. math:: -2 \ln p = \lambda \sum_i \left(\Delta^k x\right)_i^2

    Parameters
    ----------
    parameters
        One array parameter, or parameters in order.
    strength
        Factor of the penalty; the default is 1.
    order
        1 for differences of neighbours, 2 (the default) for differences of those.
    is_log
        True for differences of logarithms.
    name
        Name of the prior.

    Raises
    ------
    ValueError
        If the strength is not positive, or there are too few values.

    Examples
    --------
    >>> norms = Parameter([1.0, 2.0, 4.0], axes={"node": ["0", "1", "2"]})
    >>> round(float(SmoothnessPrior(norms, strength=2.0).filled().statistic()), 9)
    2.0
    """

    tag: ClassVar[str] = "smoothness"
    is_normalised: ClassVar[bool] = False
    has_determinant: ClassVar[bool] = False
    parameters: tuple[Any, ...]
    strength: Any
    order: int = eqx.field(static=True)
    is_log: bool = eqx.field(static=True)
    name: str = eqx.field(static=True)

    def __init__(
        self,
        parameters: Any,
        strength: float = 1.0,
        *,
        order: int = 2,
        is_log: bool = False,
        name: str = "smoothness",
    ) -> None:
        self.parameters = _parameters(parameters, name)
        if order not in (1, 2):
            raise ValueError(f"{name}.order: expected 1 or 2, got {order!r}")
        if _number(self.parameters) <= order:
            raise ValueError(f"{name}.parameters: expected more than {order} values")
        if not float(strength) > 0:
            raise ValueError(f"{name}.strength: expected a positive number, got {strength}")
        self.strength, self.order, self.is_log, self.name = float(strength), int(order), bool(is_log), str(name)

    def filled(self) -> Any:
        """Return the prior with values in place of parameters."""
        return _filled(self)

    def deviations(self) -> Array:
        return jnp.diff(self.coordinates(), n=self.order)

    def log_jacobian(self) -> Array:
        return jnp.zeros(())

    def factor(self) -> Array:
        number = self.values().shape[0] - self.order
        return jnp.broadcast_to(1 / jnp.sqrt(jnp.asarray(self.strength)), (number,))


def joint_prior_names(priors: Sequence[AbstractJointPrior]) -> list[str]:
    """Return the names of priors.

    Raises
    ------
    ValueError
        If two have one name, or something is no joint prior.
    """
    for prior in priors:
        if not isinstance(prior, AbstractJointPrior):
            raise ValueError(f"priors: expected joint priors such as PopulationPrior, got {type(prior).__name__}")
    names = [prior.name for prior in priors]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two priors are called {name!r}: names must be unique")
    return names


def joint_prior_class(tag: str) -> type[AbstractJointPrior]:
    """Return the class of a tag.

    Raises
    ------
    KeyError
        If there is none; the message lists the tags.
    """
    if tag not in _REGISTRY:
        raise KeyError(f"joint prior {tag!r} is unknown; there are: {', '.join(_REGISTRY)}")
    return _REGISTRY[tag]
