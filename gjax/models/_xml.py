"""Model files of the Fermi tools: XML, energies in MeV, every value a product with its scale."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np

from gjax.errors import ConfigError, MissingDataError
from gjax.models._curved import LogParabolaSpectralModel
from gjax.models._cutoff import ExpCutoffPowerLawSpectralModel
from gjax.models._cutoff_fermi import (
    SuperExpCutoffPowerLaw4FGLDR3SpectralModel,
    SuperExpCutoffPowerLaw4FGLSpectralModel,
)
from gjax.models._power_law import (
    BrokenPowerLawSpectralModel,
    PowerLaw2SpectralModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
)
from gjax.models._sky import Models, SkyModel
from gjax.models._spatial_constant import ConstantSpatialModel
from gjax.models._spatial_elliptical import DiskSpatialModel
from gjax.models._spatial_radial import GaussianSpatialModel, PointSpatialModel
from gjax.models._spatial_template import TemplateSpatialModel
from gjax.models._template import TemplateSpectralModel
from gjax.parameters import Parameter
from gjax.paths import expand_path
from gjax.units import DNDE

__all__ = ["read_xml"]

_PER_TEV, _TEV = 1e6, 1e-6  # MeV-1 in TeV-1, and MeV in TeV


class _Parameters:
    """The parameters of one element."""

    def __init__(self, element: Any, where: str) -> None:
        self.where = where
        self.rows: dict[str, dict[str, str]] = {
            row.get("name", ""): dict(row.attrib) for row in element.iter("parameter")
        }
        self.used: set[str] = set()

    def number(self, name: str, key: str = "value") -> float:
        """Return an attribute times the scale."""
        self.used.add(name)
        if name not in self.rows:
            raise ConfigError(f"{self.where}: no parameter {name!r}; there are: {', '.join(self.rows) or 'none'}")
        row = self.rows[name]
        try:
            return float(row[key]) * float(row.get("scale", 1))
        except KeyError as error:
            raise ConfigError(f"{self.where}.{name}: no {key} given") from error
        except ValueError as error:
            raise ConfigError(f"{self.where}.{name}: {key} and scale must be numbers") from error

    def make(self, name: str, unit: str = "", factor: float = 1.0, *, constant: bool = False) -> Parameter:
        """Return a parameter, its value times a factor."""
        value, row = self.number(name), self.rows[name]
        if constant:
            return Parameter(value * factor, unit, frozen=True, constant=True, name=f"{self.where}.{name}")
        is_free = row.get("free", "0").strip().lower() in ("1", "true")
        options: dict[str, Any] = {"frozen": not is_free}
        if is_free and "min" in row and "max" in row:
            options["min"], options["max"] = sorted(self.number(name, key) * factor for key in ("min", "max"))
        if "error" in row:
            options["error"] = abs(self.number(name, "error") * factor)
        return Parameter(value * factor, unit, name=f"{self.where}.{name}", **options)

    def finish(self) -> None:
        """Refuse parameters that nobody asked for."""
        for name in set(self.rows) - self.used:
            raise ConfigError(f"{self.where}: unknown parameter {name!r}; expected {', '.join(sorted(self.used))}")


def _power_law(p: _Parameters) -> Any:
    return PowerLawSpectralModel(
        p.make("Index", "", -1), p.make("Prefactor", DNDE, _PER_TEV), p.make("Scale", "TeV", _TEV, constant=True)
    )


def _power_law_2(p: _Parameters) -> Any:
    ends = (p.make(name, "TeV", _TEV, constant=True) for name in ("LowerLimit", "UpperLimit"))
    return PowerLaw2SpectralModel(p.make("Integral", "s-1 cm-2"), p.make("Index", "", -1), *ends)


def _broken(p: _Parameters) -> Any:
    indices = p.make("Index1", "", -1), p.make("Index2", "", -1)
    return BrokenPowerLawSpectralModel(*indices, p.make("Prefactor", DNDE, _PER_TEV), p.make("BreakValue", "TeV", _TEV))


def _log_parabola(p: _Parameters) -> Any:
    reference = p.make("Eb", "TeV", _TEV, constant=True)
    return LogParabolaSpectralModel(p.make("norm", DNDE, _PER_TEV), reference, p.make("alpha"), p.make("beta"))


def _cutoff(p: _Parameters) -> Any:
    cutoff = p.make("Cutoff", "TeV", _TEV)
    value = 1 / cutoff.value
    inverse = Parameter(value, "TeV-1", frozen=cutoff.frozen, error=cutoff.error * value**2)
    if not cutoff.frozen and cutoff.min > 0:
        inverse = inverse.replace(min=1 / cutoff.max, max=1 / cutoff.min)
    reference = p.make("Scale", "TeV", _TEV, constant=True)
    amplitude = p.make("Prefactor", DNDE, _PER_TEV)
    return ExpCutoffPowerLawSpectralModel(p.make("Index1", "", -1), amplitude, reference, inverse, p.make("Index2"))


def _cutoff_2(p: _Parameters) -> Any:
    expfactor, index_2 = p.make("Expfactor"), p.make("Index2")
    # here the factor at the reference energy belongs to the amplitude
    at_reference = float(np.exp(-expfactor.value * p.number("Scale") ** index_2.value))
    amplitude, reference = (
        p.make("Prefactor", DNDE, _PER_TEV * at_reference),
        p.make("Scale", "TeV", _TEV, constant=True),
    )
    return SuperExpCutoffPowerLaw4FGLSpectralModel(amplitude, reference, expfactor, p.make("Index1", "", -1), index_2)


def _cutoff_3(p: _Parameters) -> Any:
    index_2 = p.make("Index2")
    return _dr3(p, p.make("Expfactor2", "", index_2.value**2), index_2)


def _cutoff_4(p: _Parameters) -> Any:
    return _dr3(p, p.make("ExpfactorS"), p.make("Index2"))


def _dr3(p: _Parameters, expfactor: Parameter, index_2: Parameter) -> Any:
    amplitude, reference = p.make("Prefactor", DNDE, _PER_TEV), p.make("Scale", "TeV", _TEV, constant=True)
    return SuperExpCutoffPowerLaw4FGLDR3SpectralModel(
        amplitude, reference, expfactor, p.make("IndexS", "", -1), index_2
    )


_SPECTRA = {
    "PowerLaw": _power_law,
    "PowerLaw2": _power_law_2,
    "BrokenPowerLaw": _broken,
    "LogParabola": _log_parabola,
    "PLSuperExpCutoff": _cutoff,
    "PLSuperExpCutoff2": _cutoff_2,
    "PLSuperExpCutoff3": _cutoff_3,
    "PLSuperExpCutoff4": _cutoff_4,
}
_SHAPES = ("SkyDirFunction", "RadialGaussian", "RadialDisk", "SpatialMap", "MapCubeFunction", "ConstantValue")


def _spectrum(element: Any, where: str, folder: Path, is_cube: bool) -> Any:
    kind = element.get("type", "")
    p = _Parameters(element, f"{where}.spectrum")
    made: Any
    if is_cube:
        if kind == "ConstantValue":
            made = PowerLawNormSpectralModel(norm=p.make("Value"))
        elif kind == "PowerLaw":
            reference = p.make("Scale", "TeV", _TEV, constant=True)
            made = PowerLawNormSpectralModel(p.make("Index", "", -1), p.make("Prefactor"), reference)
        else:
            raise ConfigError(f"{p.where}: type {kind!r} on a cube; expected ConstantValue or PowerLaw")
    elif kind == "FileFunction":
        made = _table(_find(element.get("file"), folder, p.where), p.where) * PowerLawNormSpectralModel(
            norm=p.make("Normalization")
        )
    elif kind in _SPECTRA:
        made = _SPECTRA[kind](p)
    else:
        known = ", ".join((*_SPECTRA, "FileFunction"))
        raise ConfigError(f"{p.where}: type {kind!r} is unknown; expected one of {known}")
    p.finish()
    return made


def _table(path: Path, where: str) -> TemplateSpectralModel:
    import astropy.units as u

    try:
        energy, flux = np.loadtxt(path, usecols=(0, 1), unpack=True)
        return TemplateSpectralModel(energy * u.MeV, flux * u.Unit("MeV-1 s-1 cm-2"))
    except (ValueError, IndexError) as error:
        raise ConfigError(f"{where}: {path}: expected columns of energy [MeV] and flux ({error})") from error


def _shape(element: Any, where: str, folder: Path) -> Any:
    kind = element.get("type", "")
    p = _Parameters(element, f"{where}.spatialModel")
    made: Any
    if kind in ("SkyDirFunction", "RadialGaussian", "RadialDisk"):
        position: dict[str, Any] = {"lon_0": p.make("RA", "deg"), "lat_0": p.make("DEC", "deg"), "frame": "icrs"}
        if kind == "SkyDirFunction":
            made = PointSpatialModel(**position)
        elif kind == "RadialGaussian":
            made = GaussianSpatialModel(**position, sigma=p.make("Sigma", "deg"))
        else:
            made = DiskSpatialModel(**position, r_0=p.make("Radius", "deg"))
    elif kind in ("SpatialMap", "MapCubeFunction", "ConstantValue"):
        name = {"SpatialMap": "Prefactor", "MapCubeFunction": "Normalization", "ConstantValue": "Value"}[kind]
        if name in p.rows and p.number(name) != 1:
            raise ConfigError(f"{p.where}.{name}: {p.number(name):g} times the map; put the factor into the spectrum")
        if kind == "ConstantValue":
            made = ConstantSpatialModel()
        else:
            path = _find(element.get("file"), folder, p.where)
            made = TemplateSpatialModel.read(path, normalize=kind == "SpatialMap")
    else:
        raise ConfigError(f"{p.where}: type {kind!r} is unknown; expected one of {', '.join(_SHAPES)}")
    p.finish()
    return made


def _find(name: str | None, folder: Path, where: str) -> Path:
    """Return a file: variables are written $(NAME); one that is not set stands for the folders above the model file."""
    if not name:
        raise ConfigError(f"{where}: no file given")
    plain = re.sub(r"\$\((\w+)\)", r"${\1}", name)
    rest = re.sub(r"^\$\{?\w+\}?/", "", plain)
    try:
        places = [folder / expand_path(plain)]
    except MissingDataError:
        places = [folder / rest, folder.parent / rest, folder.parent / Path(rest).name]
    for place in places:
        for found in (place, place.with_name(f"{place.name}.gz")):
            if found.is_file():
                return found
    raise MissingDataError(f"{where}: {name}: no such file (looked for {', '.join(map(str, places))})")


def read_xml(path: str | os.PathLike[str]) -> Models:
    """Read a model file of the Fermi tools.

    Raises
    ------
    MissingDataError
        If the file, or one that it names, does not exist.
    ConfigError
        If it is no such file, or holds a type or parameter that is not known; the message names the source.
    """
    file = expand_path(path)
    if not file.is_file():
        raise MissingDataError(f"{file}: no such file")
    try:
        root = ElementTree.fromstring(file.read_text(encoding="utf-8"))
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not an XML file ({error})") from error
    if root.tag != "source_library":
        raise ConfigError(f"{file}: expected a source_library, got {root.tag!r}")
    models = []
    for source in root:
        where = f"{file}: source {source.get('name')}"
        spectrum, shape = source.find("spectrum"), source.find("spatialModel")
        if source.tag != "source" or spectrum is None or shape is None:
            raise ConfigError(f"{where}: expected a source with spectrum and spatialModel, got {source.tag!r}")
        try:
            spatial = _shape(shape, where, file.parent)
            is_cube = "TeV" in getattr(spatial, "unit", "")
            spectral = _spectrum(spectrum, where, file.parent, is_cube)
            models.append(SkyModel(spectral, spatial, name=str(source.get("name"))))
        except (TypeError, ValueError) as error:
            raise error if isinstance(error, ConfigError) else ConfigError(f"{where}: {error}") from error
    try:
        return Models(models)
    except ValueError as error:
        raise ConfigError(f"{file}: {error}") from error
