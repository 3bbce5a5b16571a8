"""Point spread functions given by parameters: sum of three Gaussians, and King profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import astropy.units as u
import numpy as np

from gjax.irf.evaluation import axis_coordinates, coordinate_value, interpolate_table
from gjax.irf.psf_base import AbstractPSF
from gjax.irf.psf_table import PSF3D
from gjax.irf.response import AbstractResponse
from gjax.maps.axis import MapAxis

__all__ = ["EnergyDependentMultiGaussPSF", "PSFKing"]

DEG2 = float(u.deg.to("rad") ** 2)  # square degrees to steradians


def interpolate_parameters(psf: AbstractResponse, energy_true: Any, offset: Any) -> dict[str, np.ndarray]:
    """Parameters at energies and offsets: linear between bin centres, extrapolated outside, clipped at zero.

    Widths (and the exponent of the King profile) of bins that were stored as zero, which means "not determined", are
    taken from the nearest energy bin that has one, so that they do not spoil its neighbours.
    """
    psf.check_finite()
    values = axis_coordinates(psf.axes, {"energy_true": energy_true, "offset": offset})
    result = {}
    for name in psf.data.dtype.names:
        table = np.array(psf.data[name])
        if name.startswith(("sigma", "gamma")) and np.any(table <= 0):
            table = _fill_zeros(table)
        result[name] = interpolate_table(psf.axes, table, values)
        if name.startswith("sigma"):
            result[name] = result[name] * psf.unit[name].to("deg")
    return result


def _fill_zeros(table: np.ndarray) -> np.ndarray:
    for column in table.T:
        good = np.nonzero(column > 0)[0]
        if good.size:
            nearest = good[np.abs(np.arange(len(column))[:, np.newaxis] - good).argmin(axis=1)]
            column[:] = column[nearest]
        else:
            column[:] = 1.0
    return table


def tabulate(psf: Any, rad: Any) -> PSF3D:
    """Table of a parametric function at the centres of radius bins (by default 66 bins up to 0.66 deg)."""
    edges = np.linspace(0.0, 0.66, 67) * u.deg if rad is None else rad
    axis = edges if isinstance(edges, MapAxis) else MapAxis.from_edges(edges, name="rad")
    energy, offset = psf.axes
    density = psf.evaluate(
        rad=axis.center, energy_true=energy.center[:, np.newaxis, np.newaxis], offset=offset.center[:, np.newaxis]
    )
    return PSF3D([energy, offset, axis], density.value, density.unit, is_pointlike=psf.is_pointlike, source=psf.source)


class EnergyDependentMultiGaussPSF(AbstractPSF):
    r"""Sum of three Gaussians on the axes ``energy_true, offset`` (GADF PSF_3GAUSS).

    .. math:: P(r) \\propto \\sum_i A_i \\, e^{-r^2 / 2 \\sigma_i^2}, \\quad A_1 = \\mathrm{scale}, \\;
              A_{2,3} = \\mathrm{scale} \\times \\mathrm{ampl}_{2,3}

    normalised to 1. ``data`` and ``unit`` are mappings with the keys ``scale, sigma_1, sigma_2, sigma_3, ampl_2,
    ampl_3``; see `AbstractResponse` for the other arguments. Outside the axes the parameters are extrapolated.

    Examples
    --------
    >>> true = MapAxis([0.1, 1, 10], interp="log", name="energy_true", unit="TeV")
    >>> offset = MapAxis([0, 1, 2], name="offset", unit="deg")
    >>> one = {"scale": 1, "sigma_1": 0.1, "sigma_2": 0.0, "sigma_3": 0.0, "ampl_2": 0.0, "ampl_3": 0.0}
    >>> psf = EnergyDependentMultiGaussPSF([true, offset], one, {"sigma_1": "deg"})
    >>> psf.containment_radius(0.393469, "1 TeV", "0.5 deg").round(4)
    <Quantity 0.1 deg>
    """

    tag: ClassVar[str] = "psf_3gauss"
    required_axes: ClassVar[tuple[str, ...]] = ("energy_true", "offset")
    extname: ClassVar[str] = "PSF_2D_GAUSS"
    hduclas2: ClassVar[str] = "RPSF"
    columns: ClassVar[Mapping[str, tuple[str, str]]] = {
        "scale": ("SCALE", "|sr-1"),
        "sigma_1": ("SIGMA_1", "deg"),
        "sigma_2": ("SIGMA_2", "deg"),
        "sigma_3": ("SIGMA_3", "deg"),
        "ampl_2": ("AMPL_2", ""),
        "ampl_3": ("AMPL_3", ""),
    }

    def _components(self, energy_true: Any, offset: Any) -> tuple[np.ndarray, np.ndarray]:
        """Widths [deg] and integrals of the components, the latter summing to 1 (0 where nothing is defined)."""
        pars = interpolate_parameters(self, energy_true, offset)
        sigmas = np.stack([pars["sigma_1"], pars["sigma_2"], pars["sigma_3"]])
        ones = np.ones_like(pars["scale"])
        norms = pars["scale"] * np.stack([ones, pars["ampl_2"], pars["ampl_3"]]) * sigmas**2
        total = norms.sum(axis=0)
        return sigmas, np.divide(norms, total, out=np.zeros_like(norms), where=total > 0)

    def evaluate(self, method: str | None = None, **coords: Any) -> u.Quantity:
        """Density at a radius.

        Parameters
        ----------
        method
            Unused, parameters are interpolated linearly.
        coords
            ``rad``, ``energy_true`` and ``offset``, broadcast against each other.
        """
        rad = coordinate_value("rad", coords["rad"], "deg")
        sigmas, norms = self._components(coords["energy_true"], coords["offset"])
        safe = np.where(norms > 0, sigmas, 1.0)  # also where a coordinate is NaN
        density = sum(n / (2 * np.pi * s**2 * DEG2) * np.exp(-0.5 * (rad / s) ** 2) for n, s in zip(norms, safe))
        return u.Quantity(density, "sr-1")

    def containment(self, rad: Any, energy_true: Any, offset: Any) -> u.Quantity:
        """Fraction of photons within a radius (analytic); arguments as in `PSF3D.containment`."""
        radius = coordinate_value("rad", rad, "deg")
        return u.Quantity(_gauss_containment(radius, *self._components(energy_true, offset)))

    def containment_radius(self, fraction: Any, energy_true: Any, offset: Any) -> u.Quantity:
        """Radius that contains a fraction of the photons; NaN where there is no width. See `PSF3D`."""
        wanted = np.asarray(coordinate_value("fraction", fraction, ""))
        sigmas, norms = self._components(energy_true, offset)
        shape = np.broadcast_shapes(wanted.shape, norms.shape[1:])
        with np.errstate(divide="ignore", invalid="ignore"):
            high = np.broadcast_to(np.where(norms > 0, sigmas, 0).max(axis=0) * np.sqrt(-2 * np.log1p(-wanted)), shape)
        low = np.zeros(shape)
        for _ in range(60):  # bisection: every component contains the fraction within the widest one's radius
            middle = 0.5 * (low + high)
            below = _gauss_containment(middle, sigmas, norms) < wanted
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return u.Quantity(np.where(np.broadcast_to(norms.sum(axis=0) > 0, shape), high, np.nan), "deg")

    def to_psf3d(self, rad: Any = None) -> PSF3D:
        """Return the function as a table; ``rad`` are edges or an axis, by default 66 bins up to 0.66 deg."""
        return tabulate(self, rad)


def _gauss_containment(rad: np.ndarray, sigmas: np.ndarray, norms: np.ndarray) -> np.ndarray:
    safe = np.where(norms > 0, sigmas, 1.0)
    return sum((-n * np.expm1(-0.5 * (rad / s) ** 2) for n, s in zip(norms, safe)), start=np.zeros(()))


class PSFKing(AbstractPSF):
    r"""King profile on the axes ``energy_true, offset`` (GADF PSF_KING).

    .. math:: P(r) = \\frac{1}{2 \\pi \\sigma^2} \\left(1 - \\frac{1}{\\gamma}\\right)
              \\left(1 + \\frac{r^2}{2 \\gamma \\sigma^2}\\right)^{-\\gamma}

    ``data`` and ``unit`` are mappings with the keys ``gamma`` and ``sigma``; see `AbstractResponse` for the other
    arguments. Outside the axes the parameters are extrapolated; where :math:`\\gamma \\le 1`, which has no finite
    integral, density and containment are zero.

    Examples
    --------
    >>> true = MapAxis([0.1, 1, 10], interp="log", name="energy_true", unit="TeV")
    >>> offset = MapAxis([0, 1, 2], name="offset", unit="deg")
    >>> psf = PSFKing([true, offset], {"gamma": 2.0, "sigma": 0.1}, {"sigma": "deg"})
    >>> psf.containment("0.2 deg", "1 TeV", "0.5 deg")
    <Quantity 0.5>
    >>> psf.containment_radius(0.5, "1 TeV", "0.5 deg")
    <Quantity 0.2 deg>
    """

    tag: ClassVar[str] = "psf_king"
    required_axes: ClassVar[tuple[str, ...]] = ("energy_true", "offset")
    extname: ClassVar[str] = "PSF_2D_KING"
    hduclas2: ClassVar[str] = "RPSF"
    columns: ClassVar[Mapping[str, tuple[str, str]]] = {"gamma": ("GAMMA", ""), "sigma": ("SIGMA", "deg")}

    def _parameters(self, energy_true: Any, offset: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Exponent, width [deg] and where they make sense; 2 and 1 elsewhere."""
        pars = interpolate_parameters(self, energy_true, offset)
        valid = (pars["gamma"] > 1) & (pars["sigma"] > 0)
        return np.where(valid, pars["gamma"], 2.0), np.where(valid, pars["sigma"], 1.0), valid

    def evaluate(self, method: str | None = None, **coords: Any) -> u.Quantity:
        """Density at a radius; arguments as in `EnergyDependentMultiGaussPSF.evaluate`."""
        rad = coordinate_value("rad", coords["rad"], "deg")
        gamma, sigma, valid = self._parameters(coords["energy_true"], coords["offset"])
        peak = (1 - 1 / gamma) / (2 * np.pi * sigma**2 * DEG2)
        return u.Quantity(np.where(valid, peak * (1 + rad**2 / (2 * gamma * sigma**2)) ** -gamma, 0.0), "sr-1")

    def containment(self, rad: Any, energy_true: Any, offset: Any) -> u.Quantity:
        """Fraction of photons within a radius (analytic); arguments as in `PSF3D.containment`."""
        radius = coordinate_value("rad", rad, "deg")
        gamma, sigma, valid = self._parameters(energy_true, offset)
        inside = -np.expm1((1 - gamma) * np.log1p(radius**2 / (2 * gamma * sigma**2)))
        return u.Quantity(np.where(valid, inside, 0.0))

    def containment_radius(self, fraction: Any, energy_true: Any, offset: Any) -> u.Quantity:
        """Radius that contains a fraction of the photons (analytic); NaN where the profile is not defined."""
        wanted = np.asarray(coordinate_value("fraction", fraction, ""))
        gamma, sigma, valid = self._parameters(energy_true, offset)
        with np.errstate(divide="ignore", invalid="ignore"):
            radius = sigma * np.sqrt(2 * gamma * np.expm1(np.log1p(-wanted) / (1 - gamma)))
        return u.Quantity(np.where(valid, radius, np.nan), "deg")

    def to_psf3d(self, rad: Any = None) -> PSF3D:
        """Return the function as a table; ``rad`` are edges or an axis, by default 66 bins up to 0.66 deg."""
        return tabulate(self, rad)
