"""Maps of fluxes in any of the usual conventions, with errors, limits and test statistics."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from gjax.datasets import FluxPoints, reference_fluxes
from gjax.estimators._flags import flag_texts

__all__ = ["FluxMaps"]

#: Endings of the quantities that are factors on the reference spectrum.
SUFFIXES = ("", "_err", "_errn", "_errp", "_ul", "_sensitivity")
UNITS = {"dnde": "cm-2 s-1 TeV-1", "e2dnde": "erg cm-2 s-1", "flux": "cm-2 s-1", "eflux": "erg cm-2 s-1"}
SED_TYPES = ("likelihood", *UNITS)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FluxMaps:
    """Fluxes in every pixel and energy band, kept as factors (norms) on the fluxes of a reference spectrum.

    Every quantity is an attribute and an item: ``maps.norm``, ``maps.flux_ul``, ``maps["sqrt_ts"]``.

    Parameters
    ----------
    maps
        Maps with an axis "energy", by name: "norm" and optionally "norm_err", "norm_errn", "norm_errp", "norm_ul",
        "norm_sensitivity", "ts", "sqrt_ts", "npred", "npred_excess", "counts", "stat", "stat_null", "success", ...
    reference_model
        `SkyModel` or spectral model that the norms multiply; a power law of index 2 if None.
    gti
        Good time intervals.
    meta
        Free entries; "n_sigma", "n_sigma_ul" and "sqrt_ts_threshold_ul" (default 2) have a meaning.

    Raises
    ------
    ValueError
        If there is no norm, or maps have different pixels or energies.

    Examples
    --------
    >>> from gjax.maps import Map, MapAxis
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=1)
    >>> norm = Map.create(npix=3, binsz=1, axes=[axis]) + 2
    >>> maps = FluxMaps({"norm": norm, "ts": norm * 4.5})
    >>> print(f"{maps.flux.quantity[0, 1, 1]:.3g}", maps.sqrt_ts.data[0, 1, 1])
    1.8e-12 1 / (s cm2) 3.0
    """

    maps: Mapping[str, Any]
    reference_model: Any = None
    gti: Any = None
    meta: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if "norm" not in self.maps:
            raise ValueError(f"flux maps need a map 'norm', there are: {', '.join(self.maps) or 'none'}")
        geom = self.maps["norm"].geom
        if "energy" not in geom.axes.names:
            raise ValueError("the map 'norm' has no axis 'energy'")
        for name, given in self.maps.items():
            if given.data.shape[-2:] != geom.data_shape[-2:] or given.geom.axes["energy"] != geom.axes["energy"]:
                raise ValueError(f"the map {name!r} has other pixels or energies than 'norm'")
        if self.reference_model is None:
            from gjax.estimators._inputs import default_spectrum

            object.__setattr__(self, "reference_model", default_spectrum())

    # ---- what there is ----

    @property
    def available_quantities(self) -> list[str]:
        """Names of the maps that are stored."""
        return list(self.maps)

    @property
    def geom(self) -> Any:
        """Geometry of the norms."""
        return self.maps["norm"].geom

    @property
    def energy_axis(self) -> Any:
        """Energy bands."""
        return self.geom.axes["energy"]

    @property
    def reference_spectral_model(self) -> Any:
        """Spectrum that the norms multiply."""
        return getattr(self.reference_model, "spectral_model", self.reference_model)

    def reference_flux(self, sed_type: str) -> np.ndarray:
        """Flux of the reference spectrum per band in one convention, shape (energy,), in the unit of that convention.

        Raises
        ------
        ValueError
            If the convention is unknown.
        """
        if sed_type not in UNITS:
            raise ValueError(f"unknown SED type {sed_type!r}, expected one of {', '.join(UNITS)}")
        axis, erg = self.energy_axis, 1.602176634
        dnde, flux, eflux = reference_fluxes(self.reference_spectral_model, axis.center, axis.edges_min, axis.edges_max)
        e2dnde = dnde * axis.center.to_value("TeV") ** 2
        return {"dnde": dnde, "flux": flux, "eflux": eflux * erg, "e2dnde": e2dnde * erg}[sed_type]

    def quantity(self, sed_type: str, suffix: str = "") -> Any:
        """Map of a flux, its error or limit in one convention.

        Parameters
        ----------
        sed_type
            "dnde", "e2dnde", "flux" or "eflux".
        suffix
            "", "_err", "_errn", "_errp", "_ul" or "_sensitivity".

        Raises
        ------
        KeyError
            If there is no such norm.
        """
        norm = self[f"norm{suffix}"]
        return norm.copy(
            data=norm.data * self.reference_flux(sed_type)[:, np.newaxis, np.newaxis], unit=UNITS[sed_type]
        )

    def __getitem__(self, name: str) -> Any:
        if name in self.maps:
            return self.maps[name]
        if name == "sqrt_ts" and "ts" in self.maps:
            ts = self.maps["ts"]
            return ts.copy(data=np.sign(self.maps["norm"].data) * np.sqrt(np.maximum(ts.data, 0.0)))
        if name == "npred_background" and {"npred", "npred_excess"} <= set(self.maps):
            return self.maps["npred"] - self.maps["npred_excess"]
        if name == "is_ul" and "norm_ul" in self.maps and "ts" in self.maps:
            return self["sqrt_ts"] < self.meta.get("sqrt_ts_threshold_ul", 2)
        sed_type, _, rest = name.partition("_")
        suffix = f"_{rest}" if rest else ""
        if sed_type in UNITS and suffix in SUFFIXES:
            return self.quantity(sed_type, suffix)
        raise KeyError(f"there is no map {name!r}; there are: {', '.join(self.maps)}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in ("maps", "meta"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(str(error)) from None

    # ---- other forms ----

    def reasons(self) -> dict[str, int]:
        """Return why pixels have no value or lack an error or limit, and how many (the map "flag" says which).

        Raises
        ------
        KeyError
            If there is no map "flag".
        """
        codes, number = np.unique(np.asarray(self["flag"].data, dtype=int), return_counts=True)
        return {str(text): int(n) for text, n in zip(flag_texts(codes), number) if text}

    def copy(self, **changes: Any) -> FluxMaps:
        """Return the maps with some fields changed.

        Parameters
        ----------
        **changes
            New values of ``maps``, ``gti``, ``meta`` or ``reference_model``; the fluxes stay the same under a new
            reference, at the reference energies.
        """
        model = changes.get("reference_model")
        if model is not None and "maps" not in changes:
            new = dataclasses.replace(self, reference_model=model)
            factor = (self.reference_flux("dnde") / new.reference_flux("dnde"))[:, np.newaxis, np.newaxis]
            changes["maps"] = {
                name: m.copy(data=m.data * factor) if name.startswith("norm") else m for name, m in self.maps.items()
            }
        return dataclasses.replace(self, **changes)

    def slice_by_idx(self, slices: Mapping[str, slice]) -> FluxMaps:
        """Return the bands selected by ``{"energy": slice}``."""
        return dataclasses.replace(self, maps={name: m.slice_by_idx(dict(slices)) for name, m in self.maps.items()})

    def to_maps(self, sed_type: str = "likelihood") -> dict[str, Any]:
        """Return all maps by name, fluxes in one convention.

        Parameters
        ----------
        sed_type
            "likelihood" (norms), "dnde", "e2dnde", "flux" or "eflux".

        Raises
        ------
        ValueError
            If the convention is unknown.
        """
        if sed_type not in SED_TYPES:
            raise ValueError(f"unknown SED type {sed_type!r}, expected one of {', '.join(SED_TYPES)}")
        found = {}
        for name, stored in self.maps.items():
            suffix = name.removeprefix("norm")
            if sed_type != "likelihood" and name.startswith("norm") and suffix in SUFFIXES:
                found[sed_type + suffix] = self.quantity(sed_type, suffix)
            else:
                found[name] = stored
        return found

    def get_flux_points(self, position: Any = None) -> FluxPoints:
        """Flux points at a position, from the pixel that holds it.

        Parameters
        ----------
        position
            SkyCoord; the centre of the map if None.

        Raises
        ------
        ValueError
            If the position is not on the map.
        """
        position = self.geom.center_skydir if position is None else position
        x, y = (int(np.ravel(i)[0]) for i in self.geom.to_image().coord_to_idx({"skycoord": position}))
        if x < 0 or y < 0:
            raise ValueError(f"{position} is not on the map")
        values = {name: np.asarray(m.data[..., y, x]) for name, m in self.maps.items() if m.data.ndim == 3}
        axis = self.energy_axis
        fluxes = reference_fluxes(self.reference_spectral_model, axis.center, axis.edges_min, axis.edges_max)
        extra = {name: value for name, value in values.items() if not name.startswith("norm") and name != "flag"}
        if "flag" in values:
            extra["reason"] = flag_texts(values["flag"])
        if "ts" in extra:
            extra["sqrt_ts"] = np.asarray(self["sqrt_ts"].data[..., y, x])
        return FluxPoints(
            e_ref=axis.center,
            e_min=axis.edges_min,
            e_max=axis.edges_max,
            norms={name: value for name, value in values.items() if name.startswith("norm")},
            reference=dict(zip(("dnde", "flux", "eflux"), fluxes)),
            extra=extra,
            sed_type_init="likelihood",
            meta=dict(self.meta),
            gti=self.gti,
        )

    # ---- files ----

    def write(self, path: str | PathLike[str], sed_type: str = "likelihood", *, overwrite: bool = False) -> Path:
        """Write one image HDU per map, the good time intervals, and the reference model beside it as YAML.

        Parameters
        ----------
        path
            FITS file; the model goes to a file of the same name that ends with "_model.yaml".
        sed_type
            See `to_maps`.
        overwrite
            Replace existing files.

        Raises
        ------
        FileExistsError
            If a file exists and ``overwrite`` is False.
        """
        from gjax.estimators._flux_maps_io import write_flux_maps

        return write_flux_maps(self, path, sed_type, overwrite=overwrite)

    @classmethod
    def read(cls, path: str | PathLike[str], reference_model: Any = None) -> FluxMaps:
        """Read a file of `write`, or of Gammapy.

        Parameters
        ----------
        path
            FITS file.
        reference_model
            Reference in place of the one that the file names.

        Raises
        ------
        MissingDataError
            If the file does not exist.
        DataFormatError
            If it holds no maps of fluxes.
        """
        from gjax.estimators._flux_maps_io import read_flux_maps

        return read_flux_maps(path, reference_model)

    def __repr__(self) -> str:
        n, ny, nx = self.geom.data_shape
        return f"FluxMaps({nx} x {ny} pixels, {n} energy bands: {', '.join(self.maps)})"
