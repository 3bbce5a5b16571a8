"""What every temporal model has: evaluation, integrals over time, a tag, and the physical face with times."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.models import _temporal_face as face
from gjax.models._info import model_info
from gjax.models._registry import classes_by_tag, find_class, register
from gjax.models._spectral import declared_parameters
from gjax.parameters import fill, freeze_tree, name_parameter_fields, parameter, parameter_paths
from gjax.units import attach_unit

__all__ = ["MJD_2000", "AbstractTemporalModel", "Intervals", "reference", "temporal_model_class", "temporal_models"]

#: 2000-01-01 as a modified Julian date.
MJD_2000 = 51544.0

_REGISTRY: dict[str, type[AbstractTemporalModel]] = {}


def reference(**options: Any) -> Any:
    """Declare the parameter ``t_ref`` of a model: a modified Julian date [d], in the time scale of the model."""
    return parameter(MJD_2000, "d", **options)


def _scale(value: Any) -> str:
    if value not in face.SCALES:
        raise ValueError(f"scale: expected one of {', '.join(face.SCALES)}, got {value!r}")
    return str(value)


class Intervals(eqx.Module):
    """Time intervals as compiled functions see them; the last axis is over the intervals of a dataset, padded.

    Parameters
    ----------
    start, width
        What the model's `coordinates` returned; intervals in padding have no length.
    total
        Length of all intervals together [d].
    """

    start: Any
    width: Any
    total: Any


class AbstractTemporalModel(eqx.Module):
    r"""A factor without unit on a spectrum, as a function of time.

    To add a model, declare its parameters and write `evaluate`; integrals, gradients, plots and model files follow.
    Times are modified Julian dates. Compiled functions count them from the whole days of ``t_ref``, so that single
    precision resolves microseconds: inside of `evaluate`, only differences of times mean something.

    Parameters
    ----------
    scale
        Time scale of the modified Julian dates: "utc" (the default), "tt", "tai", "tdb", "tcb", "tcg" or "ut1".

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from gjax.models import AbstractTemporalModel
    >>> from gjax.parameters import Parameter, parameter
    >>> class Lorentz(AbstractTemporalModel):
    ...     tag = "lorentz-example"
    ...     t_ref: Parameter = parameter(59000.0, "d")
    ...     width: Parameter = parameter("1 d", "d")
    ...
    ...     def evaluate(self, time):
    ...         return 1 / (1 + ((time - self.t_ref) / self.width) ** 2)
    >>> print(Lorentz(t_ref=59000.5)(59001.5))
    0.5
    """

    tag: ClassVar[str] = ""
    #: Whether the factor belongs to a dataset as such, and not to times.
    is_by_dataset: ClassVar[bool] = False
    scale: str = eqx.field(static=True, default="utc", converter=_scale, kw_only=True)

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        name_parameter_fields(cls)
        register(_REGISTRY, cls)

    @abc.abstractmethod
    def evaluate(self, time: Any) -> Array:
        """Return the factor at times [d] since the `epoch`; the parameter fields hold arrays here."""

    def integrate(self, start: Any, width: Any) -> Array:
        """Return the integral [d] over intervals; the parameter fields hold arrays here.

        Intervals come with their lengths, which differences of times lose in single precision.

        Parameters
        ----------
        start
            Beginning of the intervals [d] since the `epoch`.
        width
            Lengths of the intervals [d].
        """
        return face.panels(self.evaluate, start, width, self.kinks())

    def kinks(self) -> Any:
        """Return times [d] since the `epoch` where the factor is not smooth; the parameter fields hold arrays here."""
        return np.empty(0)

    def average(self, times: Any, energy: Array | None = None) -> Array:
        """Return the mean over the intervals of every dataset; the parameter fields hold arrays here.

        Parameters
        ----------
        times
            `Intervals` of shape (datasets, intervals), as `frozen_times` returns them.
        energy
            Energies [TeV], shape (datasets, energies), for models that depend on energy.

        Returns
        -------
        factor
            Shape (datasets,), or (datasets, energies) for models that depend on energy.
        """
        return jnp.sum(self.integrate(times.start, times.width), axis=-1) / times.total

    @property
    def is_energy_dependent(self) -> bool:
        """Whether the factor depends on energy."""
        return False

    @property
    def epoch(self) -> float:
        """What compiled functions count times from: a modified Julian date (host)."""
        return float(getattr(getattr(self, "t_ref", None), "origin", 0.0))

    # ---- the way into compiled functions (host) ----

    def coordinates(self, start: np.ndarray, width: np.ndarray | None = None) -> tuple[Any, Any]:
        """Return beginning [d since the `epoch`] and length [d] of intervals as `integrate` takes them (host)."""
        return start, width

    def frozen_times(self, names: Any, gtis: Any, size: int | None = None) -> Any:
        """Return the times of datasets as arrays, leading axis over datasets (host).

        Parameters
        ----------
        names
            Names of the datasets.
        gtis
            Good time intervals of each.
        size
            Number of intervals to fill up to.

        Raises
        ------
        ValueError
            If a dataset has no good time interval.
        """
        start, width = face.padded_intervals(names, gtis, self.scale, self.epoch, size)
        return Intervals(*self.coordinates(start, width), np.sum(width, axis=-1))

    def at_datasets(self, names: Any, skeleton: Any) -> Any:
        """Return the skeleton of the model with what belongs to the datasets of these names (host)."""
        return skeleton

    # ---- the physical face: times in, numbers out ----

    def filled(self) -> Any:
        """Return the model with its parameter values as arrays, ready for `evaluate`."""
        skeleton, table = freeze_tree(self)
        return fill(skeleton, jnp.asarray(table.counted))

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name."""
        return dict(parameter_paths(self))

    @property
    def reference_time(self) -> Any:
        """The reference time as an astropy Time."""
        return face.as_time(float(self.t_ref.value), self.scale)  # type: ignore[attr-defined]

    def __call__(self, time: Any, energy: Any = None) -> Any:
        """Return the factor as a Quantity without unit.

        Parameters
        ----------
        time
            astropy Time, or modified Julian dates in the scale of the model.
        energy
            Quantity, string, or TeV, for models that depend on energy; it broadcasts with the times.
        """
        days = face.days_since(time, self.scale, self.epoch)
        more = face.energy_argument(self, energy)
        return attach_unit(face.compiled_values(self.filled(), self.coordinates(days)[0], more), "")

    def integral(self, t_min: Any, t_max: Any, energy: Any = None) -> Any:
        """Return the integrals over intervals, divided by the time of all of them: their sum is the mean factor.

        Parameters
        ----------
        t_min, t_max
            Both ends of the intervals: astropy Time, or modified Julian dates in the scale of the model.
        energy
            One energy, for models that depend on energy.

        Raises
        ------
        ValueError
            If an interval ends before it starts, or all have no length.
        """
        start, stop = (np.atleast_1d(face.days_since(t, self.scale, self.epoch)) for t in (t_min, t_max))
        face.check_intervals(start, stop)
        ends = self.coordinates(start, stop - start)
        found = face.compiled_integrals(self.filled(), *ends, face.energy_argument(self, energy))
        shape = np.shape(getattr(t_min, "mjd", t_min))
        return attach_unit(np.reshape(np.asarray(found) / np.sum(stop - start), shape), "")

    def sample_time(
        self, n_events: int, t_min: Any, t_max: Any, t_delta: Any = "1 s", random_state: Any = 0, energy: Any = None
    ) -> Any:
        """Draw times of events between two times, and return them as an astropy Time.

        The distribution is exact at steps of ``t_delta`` (or a two-thousandth of the range, if that is shorter), and
        flat within.

        Parameters
        ----------
        n_events
            How many.
        t_min, t_max
            Ends of the range.
        t_delta
            Longest step.
        random_state
            Seed, or a NumPy random generator.
        energy
            One energy, for models that depend on energy.

        Raises
        ------
        ValueError
            If the range is empty, or the model is zero or negative in it.
        """
        return face.sample_times(self, n_events, t_min, t_max, t_delta, np.random.default_rng(random_state), energy)

    def plot(self, time_range: Any, ax: Any = None, n_points: int = 100, **options: Any) -> Any:
        """Plot the factor between two times on a matplotlib axis and return the axis.

        Parameters
        ----------
        time_range
            First and last time.
        ax
            Axes; a new one if None.
        n_points
            Number of points.
        options
            ``energy`` for models that depend on it; the rest goes to matplotlib.
        """
        from gjax.plot import plot_temporal_model

        return plot_temporal_model(self, time_range, ax=ax, n_points=n_points, **options)

    def info(self) -> Any:
        """Return the parameters as an astropy table: name, value, unit, error, min, max, frozen, prior."""
        return model_info(self)

    # ---- model files ----

    def file_parameters(self) -> dict[str, Any]:
        """Return the parameters of a model file."""
        return {name: getattr(self, name) for name in declared_parameters(type(self))}

    def file_fields(self) -> dict[str, Any]:
        """Return what a model file says beside type, parameters and time scale, as plain data."""
        return {}

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        """Return the keys that `from_file` knows, beside type, parameters and time scale."""
        found = (field.name for field in dataclasses.fields(cls) if field.name != "scale")
        return tuple(name for name in found if name not in declared_parameters(cls))

    @classmethod
    def from_file(cls, fields: dict[str, Any], rows: Any) -> AbstractTemporalModel:
        """Build the model from a model file, see `AbstractSpectralModel.from_file`."""
        return cls(**fields, **rows.read(declared_parameters(cls)))


def temporal_model_class(tag: str) -> type[AbstractTemporalModel]:
    """Return the class of a tag or class name.

    Raises
    ------
    KeyError
        If there is none; the message lists the tags.
    """
    return find_class(_REGISTRY, "temporal model", tag)


def temporal_models() -> dict[str, type[AbstractTemporalModel]]:
    """Return all temporal models by tag, the user's own included.

    Examples
    --------
    >>> "gauss" in temporal_models()
    True
    """
    return classes_by_tag(_REGISTRY)
