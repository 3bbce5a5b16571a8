"""Sections of the configuration: frozen dataclasses, validated, with units written in strings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np

from gjax.errors import ConfigError

__all__ = [
    "AxisConfig",
    "BackgroundConfig",
    "CircleConfig",
    "DataConfig",
    "FitConfig",
    "FluxPointsConfig",
    "GeneralConfig",
    "GeometryConfig",
    "ReductionConfig",
    "SafeMaskConfig",
    "SamplingConfig",
    "quantity",
]

FRAMES = ("icrs", "galactic")
REQUIRED_IRFS = ("full-enclosure", "point-like", "all-optional")
BACKGROUND_METHODS = ("auto", "reflected", "wobble", "fov", "none")
SAFE_METHODS = ("aeff-default", "aeff-max", "edisp-bias", "offset-max", "bkg-peak")
PROJECTIONS = ("TAN", "CAR", "SIN", "STG", "ARC", "ZEA", "AIT", "MOL", "SFL", "GLS")
MAX_PIXELS = 4000


def _fail(name: str, given: Any, expected: str) -> ConfigError:
    return ConfigError(f"{name}: got {given!r}, expected {expected}")


def quantity(value: str, unit: str, name: str, *, minimum: float | None = None) -> u.Quantity:
    """Read a quantity from a string such as ``"0.1 TeV"``, and convert it.

    Parameters
    ----------
    value
        Number and unit.
    unit
        Unit of the result; a unit that cannot be converted is refused.
    name
        Key of the configuration, for the message.
    minimum
        Smallest allowed value [unit], itself excluded.

    Raises
    ------
    ConfigError
        If the string holds no number, no unit, a unit of the wrong kind, or a value that is not finite or too small.

    Examples
    --------
    >>> quantity("100 GeV", "TeV", "energy.min")
    <Quantity 0.1 TeV>
    """
    expected = f"a number with a unit like {unit}, in one string (for example '1 {unit}')"
    try:
        result = u.Quantity(value).to(unit)
    except (TypeError, ValueError, u.UnitConversionError) as error:
        raise _fail(name, value, expected) from error
    if result.ndim or not np.isfinite(result.value):
        raise _fail(name, value, expected)
    if minimum is not None and result.value <= minimum:
        raise _fail(name, value, f"more than {minimum} {unit}")
    return result


def _choice(value: Any, allowed: tuple[str, ...], name: str) -> None:
    if value not in allowed:
        raise _fail(name, value, "one of " + ", ".join(allowed))


@dataclass(frozen=True)
class GeneralConfig:
    """Title of the report and seed of all random numbers.

    Examples
    --------
    >>> GeneralConfig(title="Crab").seed
    0
    """

    title: str = "gjax analysis"
    seed: int = 0


@dataclass(frozen=True)
class DataConfig:
    """Where the observations are.

    Examples
    --------
    >>> DataConfig(datastore="$GAMMAPY_DATA/hess-dl3-dr1", obs_ids=[23523]).obs_ids
    (23523,)
    """

    datastore: str
    obs_ids: tuple[int, ...] = ()
    required_irf: str = "full-enclosure"

    def __post_init__(self) -> None:
        object.__setattr__(self, "obs_ids", tuple(self.obs_ids))
        if not self.datastore:
            raise _fail("data.datastore", self.datastore, "the folder of a data store")
        _choice(self.required_irf, REQUIRED_IRFS, "data.required_irf")
        repeated = sorted({i for i in self.obs_ids if self.obs_ids.count(i) > 1})
        if repeated:
            raise ConfigError(f"data.obs_ids: {repeated[0]} is listed twice")


@dataclass(frozen=True)
class CircleConfig:
    """A circle on the sky; without a radius, a point.

    Examples
    --------
    >>> CircleConfig(lon="83.63 deg", lat="22.01 deg", radius="0.11 deg").region.radius
    <Quantity 0.11 deg>
    """

    lon: str
    lat: str
    radius: str | None = None
    frame: str = "icrs"
    name: str = ""

    def __post_init__(self) -> None:
        where = self.name or "circle"
        _choice(self.frame, FRAMES, f"{where}.frame")
        quantity(self.lon, "deg", f"{where}.lon")
        latitude = quantity(self.lat, "deg", f"{where}.lat")
        if abs(latitude.value) > 90:
            raise _fail(f"{where}.lat", self.lat, "a latitude between -90 deg and 90 deg")
        if self.radius is not None:
            quantity(self.radius, "deg", f"{where}.radius", minimum=0)

    @property
    def center(self) -> Any:
        """Centre as a ``SkyCoord``."""
        from astropy.coordinates import SkyCoord

        return SkyCoord(u.Quantity(self.lon), u.Quantity(self.lat), frame=self.frame)

    @property
    def region(self) -> Any:
        """The circle as a ``regions.CircleSkyRegion``, the point as a ``regions.PointSkyRegion``."""
        from regions import CircleSkyRegion, PointSkyRegion

        if self.radius is None:
            return PointSkyRegion(self.center)
        return CircleSkyRegion(self.center, u.Quantity(self.radius).to("deg"))


@dataclass(frozen=True)
class GeometryConfig:
    """Pixels of the cubes of a 3D analysis.

    Examples
    --------
    >>> GeometryConfig(lon="83.63 deg", lat="22.01 deg", width="5 deg", binsz="0.02 deg").shape
    (250, 250)
    """

    lon: str
    lat: str
    width: str
    height: str | None = None
    binsz: str = "0.02 deg"
    frame: str = "icrs"
    proj: str = "TAN"
    binsz_irf: str = "0.2 deg"

    def __post_init__(self) -> None:
        CircleConfig(self.lon, self.lat, frame=self.frame, name="geometry")
        _choice(self.proj, PROJECTIONS, "geometry.proj")
        for name in ("width", "height", "binsz", "binsz_irf"):
            if getattr(self, name) is not None:
                quantity(getattr(self, name), "deg", f"geometry.{name}", minimum=0)
        if min(self.shape) < 2:
            raise _fail("geometry.binsz", self.binsz, f"less than half of the width ({self.width})")
        if max(self.shape) > MAX_PIXELS:
            raise ConfigError(
                f"geometry.binsz: {self.binsz} makes {self.shape[1]} x {self.shape[0]} pixels of {self.width}; "
                f"at most {MAX_PIXELS} x {MAX_PIXELS} are allowed"
            )

    @property
    def center(self) -> Any:
        """Centre as a ``SkyCoord``."""
        return CircleConfig(self.lon, self.lat, frame=self.frame).center

    @property
    def size(self) -> tuple[float, float]:
        """Width and height [deg]."""
        width = float(u.Quantity(self.width).to_value("deg"))
        return width, width if self.height is None else float(u.Quantity(self.height).to_value("deg"))

    @property
    def shape(self) -> tuple[int, int]:
        """Number of pixels in latitude and longitude."""
        binsz = u.Quantity(self.binsz).to_value("deg")
        width, height = self.size
        return round(height / binsz), round(width / binsz)


@dataclass(frozen=True)
class BackgroundConfig:
    """Where the background is from: off regions and what they avoid, or a model over the field of view.

    Examples
    --------
    >>> BackgroundConfig(method="wobble", n_off_regions=3).n_off_regions
    3
    """

    method: str = "auto"
    exclusion_regions: tuple[CircleConfig, ...] = ()
    exclusion_mask: str | None = None
    n_off_regions: int = 3
    max_region_number: int = 10000
    min_distance: str = "0 deg"
    tilt: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "exclusion_regions", tuple(self.exclusion_regions))
        _choice(self.method, BACKGROUND_METHODS, "background.method")
        for circle in self.exclusion_regions:
            if circle.radius is None:
                raise ConfigError(f"{circle.name}: the key 'radius' is missing")
        for name in ("n_off_regions", "max_region_number"):
            if getattr(self, name) < 1:
                raise _fail(f"background.{name}", getattr(self, name), "at least 1")
        quantity(self.min_distance, "deg", "background.min_distance")


@dataclass(frozen=True)
class AxisConfig:
    """A logarithmic energy axis.

    Examples
    --------
    >>> AxisConfig(min="0.1 TeV", max="10 TeV", nbin=5).edges().round(2)
    array([ 0.1 ,  0.16,  0.25,  0.4 ,  0.63,  1.  ,  1.58,  2.51,  3.98,  6.31, 10.  ])
    """

    min: str
    max: str
    nbin: int = 10
    per_decade: bool = True
    name: str = ""

    def __post_init__(self) -> None:
        where = self.name or "energy"
        low = quantity(self.min, "TeV", f"{where}.min", minimum=0)
        high = quantity(self.max, "TeV", f"{where}.max", minimum=0)
        if high <= low:
            raise _fail(f"{where}.max", self.max, f"more than {where}.min ({self.min})")
        if self.nbin < 1:
            raise _fail(f"{where}.nbin", self.nbin, "at least 1")

    def edges(self) -> np.ndarray:
        """Edges [TeV] of the bins."""
        low, high = u.Quantity(self.min).to_value("TeV"), u.Quantity(self.max).to_value("TeV")
        nbin = int(np.ceil(np.log10(high / low) * self.nbin - 1e-9)) if self.per_decade else self.nbin
        return np.geomspace(low, high, nbin + 1)


@dataclass(frozen=True)
class ReductionConfig:
    """How events and responses become spectra or cubes.

    Examples
    --------
    >>> ReductionConfig(stack=True).containment_correction
    True
    """

    containment_correction: bool = True
    use_region_center: bool = True
    stack: bool = False


@dataclass(frozen=True)
class SafeMaskConfig:
    """Which energies are trusted.

    Examples
    --------
    >>> SafeMaskConfig(methods=["aeff-max"]).methods
    ('aeff-max',)
    """

    methods: tuple[str, ...] = ("aeff-max",)
    aeff_percent: float = 10.0
    bias_percent: float = 10.0
    offset_max: str = "3 deg"

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(self.methods))
        for method in self.methods:
            _choice(method, SAFE_METHODS, "safe_mask.methods")
        for name in ("aeff_percent", "bias_percent"):
            if not 0 <= getattr(self, name) <= 100:
                raise _fail(f"safe_mask.{name}", getattr(self, name), "a percentage between 0 and 100")
        quantity(self.offset_max, "deg", "safe_mask.offset_max", minimum=0)


@dataclass(frozen=True)
class FitConfig:
    """Energy range of the fit; empty means all safe energies.

    Examples
    --------
    >>> FitConfig(energy_min="0.5 TeV").energy_range()
    (0.5, inf)
    """

    energy_min: str | None = None
    energy_max: str | None = None

    def __post_init__(self) -> None:
        low, high = self.energy_range()
        if high <= low:
            raise _fail("fit.energy_max", self.energy_max, f"more than fit.energy_min ({self.energy_min})")

    def energy_range(self) -> tuple[float, float]:
        """Lowest and highest energy [TeV]."""
        low = 0.0 if self.energy_min is None else quantity(self.energy_min, "TeV", "fit.energy_min", minimum=0).value
        high = (
            np.inf if self.energy_max is None else quantity(self.energy_max, "TeV", "fit.energy_max", minimum=0).value
        )
        return float(low), float(high)


@dataclass(frozen=True)
class FluxPointsConfig:
    """Energy bins of the flux points; without an axis no flux points are made.

    Examples
    --------
    >>> FluxPointsConfig().axis is None
    True
    """

    axis: AxisConfig | None = None
    source: str | None = None


@dataclass(frozen=True)
class SamplingConfig:
    """Posterior by Hamiltonian Monte Carlo (NUTS).

    Examples
    --------
    >>> SamplingConfig(chains=2).samples
    1000
    """

    enabled: bool = True
    chains: int = 4
    warmup: int = 500
    samples: int = 1000

    def __post_init__(self) -> None:
        for name in ("chains", "warmup", "samples"):
            if getattr(self, name) < 1:
                raise _fail(f"sampling.{name}", getattr(self, name), "at least 1")
