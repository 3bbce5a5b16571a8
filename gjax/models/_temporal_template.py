"""Light curves from tables, also ones that depend on energy."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.errors import ConfigError
from gjax.models._light_curve import integrate_lines, lines, with_ends
from gjax.models._tables import multilinear, safe_log
from gjax.models._temporal import AbstractTemporalModel, reference
from gjax.parameters import Affine, Expression, Parameter, ParameterField
from gjax.units import to_canonical

__all__ = ["LightCurveTemplateTemporalModel"]

_ENERGY = ("energy", "energy_true")
#: Where an integral over the logarithm of time begins that should begin at zero, below the first point.
_BEGINNING = 40.0


class LightCurveTemplateTemporalModel(AbstractTemporalModel):
    r"""A light curve from a table, with straight lines between its points; it may depend on energy.

    .. math:: \psi(t) = n_i + (n_{i+1} - n_i) \, \frac{t - t_\mathrm{ref} - t_i}{t_{i+1} - t_i}

    Beyond its ends the light curve goes on along its first and last lines, down to zero and not below. One that
    depends on energy is linear in the logarithm of the norm, and flat in energy outside of the table.

    Parameters
    ----------
    time
        Times of the points, counted from ``t_ref`` [d], increasing; at least two.
    norm
        Values, shape (times,), or (energies, times).
    energy
        Energies [TeV], increasing, for a light curve that depends on energy.
    t_ref
        Reference time [MJD]; frozen.
    values_scale
        "lin" or "log": whether the norm is linear between points, or its logarithm. The default is "log" for a light
        curve that depends on energy, else "lin".
    interp
        "lin" (the default) or "log": whether lines are straight against time, or against its logarithm; the latter
        with ``values_scale`` "log" only, and the norm is zero before the reference time.
    filename
        File that model files refer to.
    scale
        Time scale.

    Raises
    ------
    ValueError
        If times or energies do not increase, shapes differ, or values are negative or not finite.

    References
    ----------
    https://gamma-astro-data-formats.readthedocs.io (reference times of tables).

    Examples
    --------
    >>> model = LightCurveTemplateTemporalModel([0, 1, 3], [1.0, 3.0, 1.0], t_ref=59000)
    >>> print(model(59000.5), model.integral(59000, 59003))
    2.0 2.0
    """

    tag: ClassVar[str] = "template"
    t_ref: ParameterField = reference(frozen=True)
    time: Any = None
    norm: Any = None
    log_energy: Any = None
    values_scale: str = eqx.field(static=True, default="lin")
    interp: str = eqx.field(static=True, default="lin")
    filename: str | None = eqx.field(static=True, default=None)
    #: Times and values as given.
    points: Any = None

    def __init__(
        self,
        time: Any,
        norm: Any,
        energy: Any = None,
        *,
        t_ref: Any = None,
        values_scale: str | None = None,
        interp: str = "lin",
        filename: Any = None,
        scale: str = "utc",
    ) -> None:
        name = type(self).__name__
        time = np.asarray(to_canonical(time, "d", f"{name}.time"), dtype=float)
        norm = np.asarray(to_canonical(norm, "", f"{name}.norm"), dtype=float)
        shape: tuple[int, ...] = time.shape
        self.log_energy = None
        if energy is not None:
            energy = np.atleast_1d(np.asarray(to_canonical(energy, "TeV", f"{name}.energy"), dtype=float))
            if energy.ndim != 1 or energy[0] <= 0 or not (np.diff(energy) > 0).all():
                raise ValueError(f"{name}.energy: expected increasing positive energies")
            shape, self.log_energy = (len(energy), len(time)), np.log(energy)
        if time.ndim != 1 or len(time) < 2 or norm.shape != shape:
            raise ValueError(f"{name}: expected at least two times and a norm for each, got {time.shape}, {norm.shape}")
        if not (np.diff(time) > 0).all():
            raise ValueError(f"{name}.time: expected increasing times")
        if (norm < 0).any() or not np.isfinite(norm).all():
            raise ValueError(f"{name}.norm: expected no negative values, and none that is infinite")
        if values_scale not in (None, "lin", "log"):
            raise ValueError(f"{name}.values_scale: expected 'lin' or 'log', got {values_scale!r}")
        self.values_scale = values_scale or ("lin" if energy is None else "log")
        if interp not in ("lin", "log") or (interp == "log" and self.values_scale == "lin"):
            raise ValueError(f"{name}.interp: expected 'lin', or 'log' for logarithms of the norm, got {interp!r}")
        if interp == "log" and time[0] <= 0:
            raise ValueError(f"{name}.time: expected times after the reference, to interpolate in their logarithm")
        self.interp, self.points = interp, (time, norm)
        if self.values_scale == "log":
            self.time, self.norm = np.log(time) if interp == "log" else time, safe_log(norm)
        else:
            ends = [tuple(with_ends(time, row)) for row in np.atleast_2d(norm)]
            self.time = ends[0][0] if energy is None else np.unique(np.concatenate([x for x, _ in ends]))
            rows = np.array([np.interp(self.time, x, y) for x, y in ends])
            self.norm = rows[0] if energy is None else rows
        self.filename = None if filename is None else os.fspath(filename)
        self.scale = scale
        self.t_ref = type(self).__dataclass_fields__["t_ref"].default if t_ref is None else t_ref

    @property
    def is_energy_dependent(self) -> bool:
        return self.log_energy is not None

    def _values(self, energy: Array | None) -> Array:
        """Return the table at one energy."""
        norm = jnp.asarray(self.norm)
        if energy is None:
            return norm
        nodes = jnp.asarray(self.log_energy, norm.dtype)
        if nodes.shape[0] == 1:
            return norm[0]
        x = jnp.clip(jnp.log(energy), nodes[0], nodes[-1]).astype(norm.dtype)
        return jax.vmap(lambda column: multilinear(column, (nodes,), (x,)), in_axes=1)(norm)

    def evaluate(self, time: Array, energy: Array | None = None) -> Array:
        def one(time: Array, energy: Array | None) -> Array:
            since = time - self.t_ref
            if self.interp == "lin":
                value = lines(self.time, self._values(energy), since)
                return jnp.exp(value) if self.values_scale == "log" else value
            has_begun = since > 0
            value = lines(self.time, self._values(energy), jnp.log(jnp.where(has_begun, since, 1.0)))
            return jnp.where(has_begun, jnp.exp(value), 0.0)

        if energy is None:
            return one(time, None)
        time, energy = jnp.broadcast_arrays(time, energy)
        return jax.vmap(one)(time.ravel(), energy.ravel()).reshape(time.shape)

    def integrate(self, start: Array, width: Array, energy: Array | None = None) -> Array:
        low, values = start - self.t_ref, self._values(energy)
        if self.interp == "lin":
            return integrate_lines(self.time, values, low, width, is_log=self.values_scale == "log")
        # with u = ln t the integrand is exp(line + u) du, which is the exponential of another line
        high = low + width
        is_after, has_begun = low > 0, high > 0
        stop = jnp.log(jnp.where(has_begun, high, 1.0))
        first = jnp.minimum(jnp.asarray(self.time, stop.dtype)[0], stop) - _BEGINNING
        safe = jnp.where(is_after, low, 1.0)
        begin = jnp.where(is_after, jnp.log(safe), first)
        span = jnp.where(is_after, jnp.log1p(width / safe), stop - first)
        found = integrate_lines(self.time, values + jnp.asarray(self.time, values.dtype), begin, span, is_log=True)
        return jnp.where(has_begun, found, 0.0)

    def average(self, times: Any, energy: Array | None = None) -> Array:
        def one(start: Array, width: Array, energy: Array | None) -> Array:
            return jnp.sum(self.integrate(start, width, energy))

        if energy is None:
            return jax.vmap(lambda a, b: one(a, b, None))(times.start, times.width) / times.total
        many = jax.vmap(jax.vmap(one, in_axes=(None, None, 0)))
        return many(times.start, times.width, energy) / times.total[:, None]

    # ---- files ----

    @classmethod
    def from_table(cls, table: Any, *, filename: Any = None, t_ref: Any = None) -> LightCurveTemplateTemporalModel:
        """Make the model of a table with columns TIME and NORM, whose header names the reference time.

        Parameters
        ----------
        table
            astropy table; TIME has a unit, or the header the keyword TIMEUNIT.
        filename
            File that model files refer to.
        t_ref
            Parameter of the reference time; by default that of the header.

        Raises
        ------
        DataFormatError
            If a column or the unit is missing.
        """
        from gjax.models._temporal_files import read_light_curve_table

        found = read_light_curve_table(table, str(filename or "light curve"))
        return cls(**(found | {"filename": filename} | ({} if t_ref is None else {"t_ref": t_ref})))

    @classmethod
    def from_map(
        cls, map: Any, *, t_ref: Any = None, filename: Any = None, **options: Any
    ) -> LightCurveTemplateTemporalModel:
        """Make the model of a map of a region with an axis "time", and one of energy or none.

        Parameters
        ----------
        map
            `gjax.maps.RegionNDMap`; its times are counted from ``t_ref``.
        t_ref
            Reference time [MJD].
        filename
            File that model files refer to.
        **options
            ``values_scale`` and ``scale``.

        Raises
        ------
        ValueError
            If there is no axis "time", or one that is neither time nor energy.
        """
        axes = {axis.name: axis for axis in map.geom.axes}
        if "time" not in axes or set(axes) - {"time", *_ENERGY} or len(axes) > 2:
            raise ValueError(f"{cls.__name__}: expected axes 'time' and 'energy', got {', '.join(axes)}")
        values = np.nan_to_num(map.quantity.to_value("")).reshape([axis.nbin for axis in reversed(axes.values())])
        energy = next((axes[name].center for name in axes if name in _ENERGY), None)
        if energy is not None and next(iter(axes)) != "time":
            values = values.T
        time = axes["time"]
        if energy is not None:
            options.setdefault("interp", getattr(time, "interp", "lin"))
        return cls(time.center, values, energy, t_ref=t_ref, filename=filename, **options)

    @classmethod
    def read(cls, filename: Any, format: str = "table", **options: Any) -> LightCurveTemplateTemporalModel:
        """Read a FITS file.

        Parameters
        ----------
        filename
            FITS file.
        format
            "table", with columns TIME and NORM, or "map", a map of a region with axes of time and energy.
        **options
            ``t_ref``, in place of that of the file.

        Raises
        ------
        MissingDataError, DataFormatError
            If the file does not exist, or is no light curve.
        ValueError
            If ``format`` is unknown.
        """
        from gjax.models._temporal_files import read_light_curve_map, read_table_file

        if format not in ("table", "map"):
            raise ValueError(f"format: expected 'table' or 'map', got {format!r}")
        if format == "table":
            return cls.from_table(read_table_file(filename), filename=filename, **options)
        return cls(**(read_light_curve_map(filename) | {"filename": filename} | options))

    def write(self, filename: Any, *, overwrite: bool = False) -> None:
        """Write the points to a FITS file, as a table, or as a map if the light curve depends on energy.

        Parameters
        ----------
        filename
            FITS file.
        overwrite
            Replace an existing file.
        """
        from gjax.models._temporal_files import write_light_curve

        write_light_curve(self, filename, overwrite=overwrite)

    def file_fields(self) -> dict[str, Any]:
        if self.filename is None:
            raise ConfigError("a light curve without a file; write it and give its filename")
        data = {"filename": self.filename, "format": "map" if self.is_energy_dependent else "table", "unit": ""}
        usual = "log" if self.is_energy_dependent else "lin"
        return data if self.values_scale == usual else data | {"values_scale": self.values_scale}

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        return ("filename", "format", "unit", "values_scale")

    @classmethod
    def from_file(cls, fields: dict[str, Any], rows: Any) -> LightCurveTemplateTemporalModel:
        if not fields.get("filename"):
            raise ConfigError("no filename given")
        plain = cls.read(fields["filename"], fields.get("format") or "table")
        found = rows.read({"t_ref": ("d", {"frozen": True})})
        t_ref = found.get("t_ref", plain.t_ref)
        if not isinstance(t_ref, Parameter | Affine | Expression):
            raise ConfigError("t_ref: expected a parameter")
        given = {"values_scale": fields["values_scale"]} if fields.get("values_scale") else {}
        energy = None if plain.log_energy is None else np.exp(plain.log_energy)
        time, norm = plain.points
        options: dict[str, Any] = {"t_ref": t_ref, "filename": fields["filename"], "scale": fields.get("scale", "utc")}
        options["interp"] = plain.interp
        return cls(time, norm, energy, **options, **given)
