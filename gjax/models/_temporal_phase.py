"""A periodic light curve: a table over the phase, and the phase as a function of time."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.errors import ConfigError
from gjax.models._light_curve import integrate_lines, lines
from gjax.models._temporal import AbstractTemporalModel
from gjax.parameters import ParameterField, parameter

__all__ = ["TemplatePhaseCurveTemporalModel"]

_DAY = 86400.0


class _Clock(eqx.Module):
    """Times as the phase curve takes them: what single precision would lose is computed on the host.

    Parameters
    ----------
    seconds
        Time since the origin of ``t_ref`` [s].
    phase
        Phase at the origins of all parameters, in turns from 0 to 1.
    origin
        Origins of f0 [s-1], f1 [s-2] and f2 [s-3].
    """

    seconds: Any
    phase: Any
    origin: Any


class _Span(eqx.Module):
    """Lengths of intervals, in seconds and in turns at the origins of all parameters."""

    seconds: Any
    turns: Any


def _origin(value: Any) -> float:
    return float(value.origin) if hasattr(value, "origin") else 0.0


class TemplatePhaseCurveTemporalModel(AbstractTemporalModel):
    r"""A light curve over the phase of a clock that slows down, with straight lines between its points.

    .. math:: \phi(t) = \phi_\mathrm{ref} + f_0 \Delta + \frac{f_1}{2} \Delta^2 + \frac{f_2}{6} \Delta^3,
        \quad \Delta = t - t_\mathrm{ref}, \quad \psi(t) = n(\phi \bmod 1)

    Parameters
    ----------
    phase
        Phases of the points, increasing within 0 to 1; at least two. Up to 0 and 1 the curve goes on along its first
        and last lines.
    norm
        Values there.
    t_ref
        Reference time [MJD]; frozen, as all parameters are.
    phi_ref
        Phase at the reference time.
    f0, f1, f2
        Frequency and its derivatives at the reference time [s-1, s-2, s-3].
    normalize
        Divide the curve by its mean; the default.
    filename
        File that model files refer to.
    scale
        Time scale: of pulsars mostly "tdb".

    Raises
    ------
    ValueError
        If phases do not increase or leave 0 to 1, or the mean is not positive.

    References
    ----------
    Hobbs, Edwards and Manchester 2006, MNRAS 369, 655 (arXiv astro-ph/0603381).

    Examples
    --------
    >>> model = TemplatePhaseCurveTemporalModel([0, 0.5, 1], [0, 2, 0], t_ref=59000, f0="1 s-1")
    >>> print(model(59000 + 0.25 / 86400).round(6), model.integral(59000, 59001).round(9))
    1.0 1.0
    """

    tag: ClassVar[str] = "template-phase"
    # counted from where they are: phases after years have no digits to lose
    t_ref: ParameterField = parameter(48442.5, "d", frozen=True, origin="own")
    phi_ref: ParameterField = parameter(0.0, frozen=True)
    f0: ParameterField = parameter(29.946923, "s-1", frozen=True, origin="own")
    f1: ParameterField = parameter(0.0, "s-2", frozen=True, origin="own")
    f2: ParameterField = parameter(0.0, "s-3", frozen=True, origin="own")
    phase: Any = None
    norm: Any = None
    normalize: bool = eqx.field(static=True, default=True)
    filename: str | None = eqx.field(static=True, default=None)
    #: Phases and norms as given.
    points: Any = None

    def __init__(
        self,
        phase: Any,
        norm: Any,
        *,
        t_ref: Any = None,
        phi_ref: Any = None,
        f0: Any = None,
        f1: Any = None,
        f2: Any = None,
        normalize: bool = True,
        filename: Any = None,
        scale: str = "utc",
    ) -> None:
        name = type(self).__name__
        phase, norm = np.asarray(phase, dtype=float), np.asarray(norm, dtype=float)
        if phase.ndim != 1 or len(phase) < 2 or norm.shape != phase.shape or not np.isfinite(norm).all():
            raise ValueError(
                f"{name}: expected at least two phases and a norm for each, got {phase.shape}, {norm.shape}"
            )
        if not (np.diff(phase) > 0).all() or phase[0] < 0 or phase[-1] > 1:
            raise ValueError(f"{name}.phase: expected increasing phases from 0 to 1")
        if not isinstance(normalize, bool):
            raise ValueError(f"{name}.normalize: expected True or False, got {normalize!r}")
        self.points = (phase, norm)
        ends = [
            np.polyval(np.polyfit(phase[part], norm[part], 1), end)
            for part, end in ((slice(2), 0), (slice(-2, None), 1))
        ]
        if phase[0] > 0:
            phase, norm = np.append(0.0, phase), np.append(ends[0], norm)
        if phase[-1] < 1:
            phase, norm = np.append(phase, 1.0), np.append(norm, ends[1])
        mean = float(np.sum(0.5 * (norm[1:] + norm[:-1]) * np.diff(phase)))
        if normalize and not mean > 0:
            raise ValueError(f"{name}: the mean of the phase curve is {mean:g}; it cannot be normalised")
        self.phase, self.norm = phase, norm / mean if normalize else norm
        self.normalize, self.scale = normalize, scale
        self.filename = None if filename is None else os.fspath(filename)
        given = {"t_ref": t_ref, "phi_ref": phi_ref, "f0": f0, "f1": f1, "f2": f2}
        for key, value in given.items():
            setattr(self, key, type(self).__dataclass_fields__[key].default if value is None else value)

    # ---- the phase, in the digits of double precision on the host ----

    def coordinates(self, start: np.ndarray, width: np.ndarray | None = None) -> tuple[Any, Any]:
        f0, f1, f2 = (_origin(getattr(self, key)) for key in ("f0", "f1", "f2"))
        t = np.asarray(start, dtype=np.longdouble) * _DAY
        w = np.zeros_like(t) if width is None else np.asarray(width, dtype=np.longdouble) * _DAY
        phase = np.mod(t * (f0 + t * (f1 / 2 + t * (f2 / 6))), 1)
        turns = w * (f0 + f1 * (t + w / 2) + f2 / 2 * (t * t + t * w + w * w / 3))
        # the leading axis is that of the times: what all share is repeated
        origin = np.broadcast_to(np.array([f0, f1, f2]), (*t.shape[:1], 3))
        clock = _Clock(t.astype(float), phase.astype(float), origin)
        return clock, _Span(w.astype(float), turns.astype(float))

    def _phase(self, clock: Any) -> tuple[Array, Any, Any, Array, Array]:
        """Return the phase in turns, and what it takes to go on from there."""
        room = (1,) * (jnp.ndim(clock.seconds) - jnp.ndim(clock.origin) + 1)
        f0, f1, f2 = (clock.origin[..., k].reshape(clock.origin.shape[:-1] + room) for k in range(3))
        t, s = clock.seconds, self.t_ref * _DAY
        d = t - s
        # the change by parameters that differ from their origins, without differences of large numbers
        change = self.phi_ref + d * (self.f0 + d * (self.f1 / 2 + d * (self.f2 / 6)))
        shift = s * (f0 + f1 / 2 * (t + d) + f2 / 6 * (jnp.square(t) + t * d + jnp.square(d)))
        return clock.phase + change - shift, f1, f2, t, d

    def evaluate(self, time: Any) -> Array:
        phase = self._phase(time)[0]
        return lines(self.phase, self.norm, phase - jnp.floor(phase))

    def integrate(self, start: Any, width: Any) -> Array:
        first, f1, f2, t, d = self._phase(start)
        w = width.seconds
        change = self.f0 + self.f1 * (d + w / 2) + self.f2 / 2 * (d * d + d * w + w * w / 3)
        turns = width.turns + w * (change - self.t_ref * _DAY * (f1 + f2 / 2 * (t + d + w)))
        first = first - jnp.floor(first)
        whole = jnp.floor(first + turns)
        last = first + turns - whole
        is_one = whole == 0
        part = integrate_lines(self.phase, self.norm, first, jnp.where(is_one, turns, 1.0 - first))
        more = integrate_lines(self.phase, self.norm, jnp.zeros_like(last), jnp.where(is_one, 0.0, last))
        over_phase = part + more + jnp.where(is_one, 0.0, (whole - 1) * self._mean(w.dtype))
        moves = jnp.abs(turns) > 1e-30
        # the clock slows down so little that its mean frequency is that of all phases of an interval
        rate = jnp.where(moves, over_phase / jnp.where(moves, turns, 1.0), lines(self.phase, self.norm, first))
        return rate * w / _DAY

    def _mean(self, dtype: Any) -> Array:
        norm, phase = jnp.asarray(self.norm, dtype), jnp.asarray(self.phase, dtype)
        return jnp.sum(0.5 * (norm[1:] + norm[:-1]) * jnp.diff(phase))

    def steps_to_sample(self, low: float, high: float) -> int:
        """Return how many steps a table of times needs between two times [d since the epoch]."""
        turns = self.coordinates(np.array(low), np.array(high - low))[1].turns
        return int(200 * min(abs(float(turns)), 5e4)) + 2000

    # ---- files ----

    @classmethod
    def read(cls, filename: Any, *, normalize: bool = True, **parameters: Any) -> TemplatePhaseCurveTemporalModel:
        """Read the phase curve from a FITS table with the columns PHASE and NORM.

        Parameters
        ----------
        filename
            FITS file.
        normalize
            As for the class.
        **parameters
            The timing solution, and ``scale``.

        Raises
        ------
        MissingDataError, DataFormatError
            If the file does not exist, or is no phase curve.
        """
        from gjax.models._temporal_files import read_phase_curve

        return cls(*read_phase_curve(filename), normalize=normalize, filename=filename, **parameters)

    def write(self, filename: Any, *, overwrite: bool = False) -> None:
        """Write the points to a FITS table.

        Parameters
        ----------
        filename
            FITS file.
        overwrite
            Replace an existing file.
        """
        from gjax.models._temporal_files import write_phase_curve

        phase, norm = self.points
        write_phase_curve(phase, norm, filename, overwrite=overwrite)

    def plot_phasogram(self, ax: Any = None, n_points: int = 200, **options: Any) -> Any:
        """Plot the curve over the phase on a matplotlib axis and return the axis.

        Parameters
        ----------
        ax
            Axes; a new one if None.
        n_points
            Number of points.
        options
            Given to matplotlib.
        """
        from gjax.plot import plot_phasogram

        return plot_phasogram(self.phase, self.norm, ax=ax, n_points=n_points, **options)

    def file_fields(self) -> dict[str, Any]:
        if self.filename is None:
            raise ConfigError("a phase curve without a file; write it and give its filename")
        return {"filename": self.filename, "normalize": self.normalize}

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        return ("filename", "normalize")

    @classmethod
    def from_file(cls, fields: dict[str, Any], rows: Any) -> TemplatePhaseCurveTemporalModel:
        if not fields.get("filename"):
            raise ConfigError("no filename given")
        from gjax.models._spectral import declared_parameters

        return cls.read(**fields, **rows.read(declared_parameters(cls)))
