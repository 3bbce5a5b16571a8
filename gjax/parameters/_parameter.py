"""Parameters as people declare them: a value with unit, bounds, prior, and an identity."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import equinox as eqx
import numpy as np

from gjax.errors import UnitError
from gjax.parameters._priors import AbstractPrior
from gjax.units import attach_unit, equal_units, split_quantity, to_canonical

__all__ = ["Affine", "Expression", "Parameter", "ParameterField", "parameter"]

#: Annotation of parameter fields in models: a `Parameter` for people, an array inside compiled functions.
ParameterField: TypeAlias = Any


@dataclasses.dataclass(frozen=True, eq=False)
class Parameter:
    """A number (or array) that a fit may change. Two models that hold the *same object* are linked.

    Parameters
    ----------
    value
        Number, string such as ``"4e-11 cm-2 s-1 TeV-1"``, or Quantity; an array for an array parameter.
    unit
        Canonical unit: TeV, cm, s, deg, sr and their products; ``value``, ``min`` and ``max`` are converted to it.
        The default is the unit that the value brings along.
    min, max
        Bounds (inclusive); the default is none.
    frozen
        True to keep the value in fits.
    constant
        True for a convention such as a reference energy: it can be changed but never fitted, and programs do not
        differentiate by it.
    prior
        A prior such as `GaussianPrior`, in the canonical unit.
    scale
        Size of a sensible step, used by fits; the default is the power of ten of the value.
    axes
        For an array parameter, its named axes and the labels along each, e.g. ``{"obs": ["23523", "23526"]}``.
    label
        A name for links in model files.
    error
        Standard deviation from a fit (NaN before).
    origin
        What is subtracted before the value goes into compiled functions, which would lose the digits of a date in
        single precision; "own" is the value itself. The default is 0, and the whole days of a date (a scalar in days
        beyond 10 000, such as a modified Julian date). Models that take such a value count from its origin.

    Raises
    ------
    UnitError
        If a unit cannot be converted.
    ValueError
        If the value is NaN, ``min >= max``, ``scale`` is not positive, or the shape does not fit the axes.

    Examples
    --------
    >>> index = Parameter(2.3, min=1, max=5)
    >>> index.value
    2.3
    >>> norms = Parameter(1.0, axes={"obs": ["a", "b"]})
    >>> norms.shape
    (2,)
    """

    value: Any
    unit: Any = None
    _: dataclasses.KW_ONLY
    min: Any = -math.inf
    max: Any = math.inf
    frozen: bool = False
    constant: bool = False
    prior: AbstractPrior | None = None
    scale: float | None = None
    axes: Mapping[str, Sequence[str]] | None = None
    label: str | None = None
    error: Any = math.nan
    origin: Any = None
    name: dataclasses.InitVar[str] = "parameter"

    def __post_init__(self, name: str) -> None:
        def put(field: str, value: Any) -> None:
            object.__setattr__(self, field, value)

        if self.unit is None:
            put("unit", _unit_of(self.value, name))
        value = to_canonical(self.value, self.unit, name)
        if self.axes is not None:
            axes = {str(key): tuple(str(label) for label in labels) for key, labels in self.axes.items()}
            shape = tuple(len(labels) for labels in axes.values())
            if np.ndim(value) and np.shape(value) != shape:
                raise ValueError(f"{name}: axes {axes} need shape {shape}, got {np.shape(value)}")
            value = np.broadcast_to(np.asarray(value, dtype=float), shape).copy()
            value.setflags(write=False)
            put("axes", axes)
        elif np.ndim(value):
            raise ValueError(f"{name}: an array value needs named axes, e.g. axes={{'obs': [...]}}")
        put("value", value)
        origin = value if self.origin == "own" else self.origin
        put("origin", _whole_days(value, self.unit) if origin is None else float(origin))
        put(
            "min",
            -math.inf if self.min is None or _is_nan(self.min) else to_canonical(self.min, self.unit, f"{name}.min"),
        )
        put(
            "max",
            math.inf if self.max is None or _is_nan(self.max) else to_canonical(self.max, self.unit, f"{name}.max"),
        )
        if not np.all(np.asarray(self.min) < np.asarray(self.max)):
            raise ValueError(f"{name}: expected min < max, got min={self.min}, max={self.max}")
        if not isinstance(self.frozen, bool):
            raise ValueError(f"{name}: frozen must be True or False, got {self.frozen!r}")
        if self.scale is not None and not (self.scale > 0 and math.isfinite(self.scale)):
            raise ValueError(f"{name}: scale must be a positive number, got {self.scale!r}")
        if self.constant and not self.frozen:
            raise ValueError(f"{name}: is a convention of the model, not a quantity to fit; it cannot be free")
        if self.prior is not None and not isinstance(self.prior, AbstractPrior):
            raise ValueError(f"{name}: prior must be a prior such as GaussianPrior, got {self.prior!r}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value: ``()`` for a scalar."""
        return np.shape(self.value)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def quantity(self) -> Any:
        """The value as an astropy Quantity."""
        return attach_unit(self.value, self.unit)

    def replace(self, **changes: Any) -> Parameter:
        """Return a new parameter (with an identity of its own) with some fields changed."""
        return dataclasses.replace(self, **changes)

    def entries(self) -> list[str]:
        """Return the suffix of every value: ``[""]`` for a scalar, ``["[obs-23523]", ...]`` for an array."""
        if self.axes is None:
            return [""]
        suffixes = [""]
        for axis, labels in self.axes.items():
            suffixes = [
                f"{head},{axis}-{label}" if head else f"{axis}-{label}" for head in suffixes for label in labels
            ]
        return [f"[{suffix}]" for suffix in suffixes]


def _whole_days(value: Any, unit: str) -> float:
    """Return the whole days of a date; 0 for every other value."""
    return float(math.floor(value)) if unit == "d" and np.ndim(value) == 0 and value > 10_000 else 0.0


def _unit_of(value: Any, name: str) -> str:
    if isinstance(value, str):
        try:
            return split_quantity(value)[1]
        except ValueError as error:
            raise ValueError(f"{name}: expected a number with a unit, got {value!r}") from error
    return str(value.unit) if hasattr(value, "to_value") else ""


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


@dataclasses.dataclass(frozen=True, eq=False)
class Affine:
    """A link: the value is ``factor * source + offset`` (in the canonical units of both).

    A link to a link is a link to the source of the latter.

    Raises
    ------
    TypeError
        If the source is no parameter.

    Examples
    --------
    >>> index = Parameter(2.0)
    >>> softer = Affine(index, offset=0.5)
    >>> softer.value
    2.5
    """

    source: Parameter
    factor: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        source: Any = self.source
        if isinstance(source, Affine):
            object.__setattr__(self, "offset", self.factor * source.offset + self.offset)
            object.__setattr__(self, "factor", self.factor * source.factor)
            object.__setattr__(self, "source", source.source)
        elif not isinstance(source, Parameter):
            raise TypeError(f"Affine: expected a Parameter as source, got {type(source).__name__}")

    @property
    def value(self) -> Any:
        """The value that follows from the source."""
        return self.factor * self.source.value + self.offset

    @property
    def origin(self) -> float:
        """What compiled functions count the value from: the whole days of a date, else 0."""
        return _whole_days(self.value, self.source.unit)


@dataclasses.dataclass(frozen=True, eq=False)
class Expression:
    """A link: the value is ``function(*sources)``, where the function is written with ``jax.numpy``.

    Raises
    ------
    TypeError
        If a source is no parameter (but a link, say).

    Examples
    --------
    >>> a, b = Parameter(2.0), Parameter(3.0)
    >>> Expression(lambda x, y: x * y, (a, b)).value
    6.0
    """

    function: Callable[..., Any]
    sources: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))
        for source in self.sources:
            if not isinstance(source, Parameter):
                raise TypeError(f"Expression: expected parameters as sources, got {type(source).__name__}")

    @property
    def value(self) -> Any:
        """The value that follows from the sources."""
        return self.function(*(source.value for source in self.sources))

    @property
    def origin(self) -> float:
        """What compiled functions count the value from: 0."""
        return 0.0


class _ToParameter:
    """Converter of a model field: makes a `Parameter` of whatever the user gives."""

    def __init__(self, unit: str, options: dict[str, Any]) -> None:
        self.unit = unit
        self.options = options
        self.name = "parameter"

    def __call__(self, value: Any) -> Parameter | Affine | Expression:
        if isinstance(value, Affine | Expression):
            return value
        if isinstance(value, Parameter):
            if not equal_units(value.unit, self.unit):
                raise UnitError(f"{self.name}: given a parameter in {value.unit!r}, expected one in {self.unit!r}")
            if self.options.get("constant") and not value.constant:
                return dataclasses.replace(value, constant=True, frozen=True)
            return value
        return Parameter(value, self.unit, name=self.name, **self.options)


def parameter(default: Any = dataclasses.MISSING, unit: str = "", **options: Any) -> Any:
    """Declare a parameter field of a model.

    Parameters
    ----------
    default
        Default value in ``unit`` (or a string with a unit).
    unit
        Canonical unit of the field.
    **options
        Defaults of `Parameter`: ``min``, ``max``, ``frozen``, ``constant``, ``prior``, ``scale``. A parameter that is
        given for a ``constant`` one becomes constant, and frozen.

    Examples
    --------
    >>> import equinox as eqx
    >>> class Model(eqx.Module):
    ...     index: Parameter = parameter(2.0)
    >>> Model(index=2.5).index.value
    2.5
    """
    if options.get("constant"):
        options["frozen"] = True
    keywords: dict[str, Any] = {"converter": _ToParameter(unit, options)}
    if default is not dataclasses.MISSING:
        keywords["default"] = default
    return eqx.field(**keywords)


def name_parameter_fields(cls: type) -> None:
    """Tell the converters of a class the names of their fields, for error messages."""
    for name, field in vars(cls).items():
        converter = getattr(field, "metadata", {}).get("converter")
        if isinstance(converter, _ToParameter):
            converter.name = f"{cls.__name__}.{name}"
