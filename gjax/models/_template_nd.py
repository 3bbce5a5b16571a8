"""Spectra from a table over energy and any number of parameters."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.errors import ConfigError, UnitError
from gjax.models._integrate import bounded_exp
from gjax.models._spectral import AbstractSpectralModel
from gjax.models._tables import multilinear, safe_log
from gjax.parameters import Affine, Expression, Parameter
from gjax.units import DNDE

__all__ = ["TemplateNDSpectralModel"]

_ENERGY = ("energy_true", "energy")


class TemplateNDSpectralModel(AbstractSpectralModel):
    r"""A table over energy and further axes, each of which is a parameter; interpolated linearly in every coordinate.

    .. math:: \ln\phi(E, \theta) = \sum_c w_c(E, \theta) \, \ln\phi_c

    Parameters
    ----------
    map
        Map of a region (`gjax.maps.RegionNDMap`) with an axis "energy_true" or "energy" and at least one more; a
        differential flux [TeV-1 s-1 cm-2], or without unit for a factor on another model.
    interp
        "log" (the default) or "lin": whether the logarithm of the values is linear, or the values themselves.
    filename
        File that model files refer to.
    **parameters
        A value or `Parameter` for every axis of the map, by its name; the default is the middle of the axis, free
        within its ends.

    Raises
    ------
    TypeError
        If ``map`` is no map, or a parameter no axis of it.
    ValueError
        If the map has no energy axis, or holds negative values.
    UnitError
        If its unit is not that of a flux.

    References
    ----------
    Donath et al. 2023, A&A 678, A157 (arXiv 2308.13584).

    Examples
    --------
    >>> import astropy.units as u
    >>> from gjax.maps import MapAxis, RegionNDMap
    >>> energy = MapAxis.from_nodes([1, 10], unit="TeV", name="energy_true", interp="log")
    >>> age = MapAxis.from_nodes([0, 100], unit="s", name="age")
    >>> values = np.reshape([[4e-12, 1e-12], [4e-12, 4e-14]], (2, 2, 1, 1))
    >>> table = RegionNDMap.create(None, axes=[energy, age], data=values, unit="TeV-1 s-1 cm-2")
    >>> model = TemplateNDSpectralModel(table, age="50 s")
    >>> print(model("10 TeV").round(15), list(model.parameters))
    2e-13 1 / (TeV s cm2) ['axes.age']
    """

    tag: ClassVar[str] = "templateND"
    axes: dict[str, Any]
    values: Any
    nodes: Any
    names: tuple[str, ...] = eqx.field(static=True)
    scales: tuple[str, ...] = eqx.field(static=True)
    interp: str = eqx.field(static=True, default="log")
    filename: str | None = eqx.field(static=True, default=None)
    unit: str = eqx.field(static=True, default="")  # type: ignore[misc]

    def __init__(self, map: Any, *, interp: str = "log", filename: Any = None, **parameters: Any) -> None:
        geom: Any = getattr(map, "geom", None)
        if geom is None:
            raise TypeError(f"TemplateNDSpectralModel.map: expected a map, got {type(map).__name__}")
        axes = {axis.name: axis for axis in geom.axes}
        if not set(axes) & set(_ENERGY):
            raise ValueError(f"TemplateNDSpectralModel.map: expected an axis 'energy_true', got {', '.join(axes)}")
        if interp not in ("log", "lin"):
            raise ValueError(f"TemplateNDSpectralModel.interp: expected 'log' or 'lin', got {interp!r}")
        for name in parameters:
            if name not in axes or name in _ENERGY:
                raise TypeError(f"TemplateNDSpectralModel: the map has no axis {name!r}; it has {', '.join(axes)}")
        self.interp = interp
        self.filename = None if filename is None else os.fspath(filename)
        self.unit = _unit_of(map.unit)
        values = np.nan_to_num(map.quantity.to_value(self.unit).astype(float), posinf=0.0, neginf=0.0)
        # the last axis of the geometry is the slowest of the array; region axes have length one
        values = values.reshape([axis.nbin for axis in reversed(axes.values())]).T
        if (values < 0).any():
            raise ValueError("TemplateNDSpectralModel.map: expected no negative values")
        self.values = safe_log(values) if interp == "log" else values
        self.names = tuple("energy" if name in _ENERGY else name for name in axes)
        self.scales = tuple("log" if axis.interp == "log" else "lin" for axis in axes.values())
        self.axes, nodes = {}, []
        for name, axis, scale in zip(axes, axes.values(), self.scales):
            unit = "TeV" if axis.unit.is_equivalent("TeV") else str(axis.unit)
            centres = axis.center.to_value(unit)
            if name not in _ENERGY:
                ends = axis.edges if axis.node_type == "edges" else axis.center
                given = parameters.get(name)
                self.axes[name] = _axis_parameter(name, given, ends.to_value(unit)[[0, -1]], unit)
            nodes.append(np.log(centres) if scale == "log" else np.asarray(centres, float))
        self.nodes = tuple(nodes)

    @classmethod
    def read(cls, filename: Any, **options: Any) -> TemplateNDSpectralModel:
        """Read the map from a FITS file.

        Parameters
        ----------
        filename
            FITS file of a region map.
        options
            Further arguments of the class.

        Raises
        ------
        MissingDataError, DataFormatError
            If the file does not exist or is no map.
        """
        from gjax.maps import RegionNDMap

        return cls(RegionNDMap.read(filename), filename=filename, **options)

    def kinks(self) -> np.ndarray | Array:
        k = self.names.index("energy")
        nodes = jnp.asarray(self.nodes[k])
        return jnp.exp(nodes) if self.scales[k] == "log" else nodes

    def evaluate(self, energy: Array) -> Array:
        points = [energy if name == "energy" else self.axes[name] for name in self.names]
        points = [jnp.log(x) if scale == "log" else x for x, scale in zip(points, self.scales)]
        value = multilinear(self.values, self.nodes, points)
        return bounded_exp(value) if self.interp == "log" else value

    # ---- model files ----

    def file_parameters(self) -> dict[str, Any]:
        return dict(self.axes)

    def file_fields(self) -> dict[str, Any]:
        if self.filename is None:
            raise ConfigError("a template without a file; write the map and give its filename")
        data = {"filename": self.filename, "unit": self.unit}
        return data if self.interp == "log" else data | {"interp": self.interp}

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        return ("filename", "unit", "interp")

    @classmethod
    def from_file(cls, fields: dict[str, Any], rows: Any) -> TemplateNDSpectralModel:
        if not fields.get("filename"):
            raise ConfigError("no filename given")
        options = {"interp": fields["interp"]} if "interp" in fields else {}
        plain = cls.read(fields["filename"], **options)
        declared = {name: (p.unit, {"min": p.min, "max": p.max, "frozen": p.frozen}) for name, p in plain.axes.items()}
        return cls.read(fields["filename"], **options, **rows.read(declared))


def _unit_of(unit: Any) -> str:
    if str(unit) == "":
        return ""
    if not unit.is_equivalent(DNDE):
        raise UnitError(f"TemplateNDSpectralModel.map: given in {str(unit)!r}, expected a unit like {DNDE!r} or none")
    return DNDE


def _axis_parameter(name: str, given: Any, ends: Any, unit: str) -> Any:
    if isinstance(given, Parameter | Affine | Expression):
        return given
    low, high = (float(end) for end in ends)
    return Parameter((low + high) / 2 if given is None else given, unit, min=low, max=high, name=name)
