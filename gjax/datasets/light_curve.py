"""Light curves: fluxes by time interval and energy band, in any of the usual conventions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import QTable, Table
from astropy.time import Time

from gjax.datasets._flux_reference import SED_UNITS
from gjax.datasets.flux_points import FluxPoints

__all__ = ["LightCurve"]

#: Conventions of fluxes, with a text each.
KINDS = {
    "dnde": "Differential flux at e_ref",
    "e2dnde": "Squared energy times differential flux at e_ref",
    "flux": "Integral flux between e_min and e_max",
    "eflux": "Energy flux between e_min and e_max",
}


def _flux_property(sed_type: str, suffix: str) -> Any:
    def get(self: LightCurve) -> u.Quantity | None:
        return self.quantity(sed_type, suffix)

    what = {"": "", "_err": ", error", "_errn": ", downward error", "_errp": ", upward error", "_ul": ", upper limit"}
    what["_sensitivity"] = ", sensitivity"
    get.__doc__ = (
        f"{KINDS[sed_type]}{what[suffix]} [{SED_UNITS[sed_type]}], shape (time, energy); None where there is none."
    )
    return property(get)


@dataclass(frozen=True, eq=False, repr=False)
class LightCurve:
    """Fluxes by time interval and energy band, kept as factors (norms) on the fluxes of a reference spectrum.

    What `~gjax.datasets.FluxPoints` has for energies it has for times and energies: ``lightcurve.flux``,
    ``lightcurve.dnde_ul``, ``lightcurve.eflux_errn`` and so on are of shape (time, energy). A point that could not be
    measured holds NaN, False in ``success``, and a text in ``reason``.

    Parameters
    ----------
    time_min, time_max
        Start and end of the intervals, in increasing order, without overlap; gaps are allowed.
    e_ref
        Reference energies of the bands.
    e_min, e_max
        Edges of the bands, or None where only reference energies are known.
    norms
        Arrays "norm", and optionally "norm_err", "norm_errn", "norm_errp", "norm_ul", of shape (time, energy).
    reference
        Fluxes of the reference spectrum in every interval and band: "dnde" [cm-2 s-1 TeV-1], "flux" [cm-2 s-1],
        "eflux" [TeV cm-2 s-1], of shape (time, energy).
    extra
        Other arrays whose first two axes are (time, energy): "ts", "sqrt_ts", "stat", "stat_null", "stat_scan" and
        "norm_scan", "npred", "npred_excess", "counts", "success", "reason", parameters such as "index", ...
    sed_type_init
        Convention in which the fluxes were given.
    meta
        Free entries; "n_sigma_ul" and "sqrt_ts_threshold_ul" (default 2) have a meaning.
    gti
        Good time intervals, or None.

    Raises
    ------
    ValueError
        If times do not increase, or an array has another shape.

    Examples
    --------
    >>> start = Time("2020-01-01", scale="tt") + [0, 1, 3] * u.d
    >>> lightcurve = LightCurve.from_arrays(
    ...     "flux", time_min=start, time_max=start + 1 * u.d, e_min=[1] * u.TeV, e_max=[10] * u.TeV,
    ...     flux=[[9e-13], [18e-13], [9e-13]] * u.Unit("cm-2 s-1")
    ... )
    >>> print(lightcurve.dnde[:, 0])
    [1.e-13 2.e-13 1.e-13] 1 / (TeV s cm2)
    """

    time_min: Time
    time_max: Time
    e_ref: u.Quantity
    e_min: u.Quantity | None
    e_max: u.Quantity | None
    norms: Mapping[str, np.ndarray]
    reference: Mapping[str, np.ndarray]
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)
    sed_type_init: str = "flux"
    meta: Mapping[str, Any] = field(default_factory=dict)
    gti: Any = None

    def __post_init__(self) -> None:
        if self.time_min.shape != self.time_max.shape or self.time_min.ndim != 1 or not len(self.time_min):
            raise ValueError(
                f"light curve: as many starts as ends are expected, got {self.time_min.shape} and {self.time_max.shape}"
            )
        length = (self.time_max - self.time_min).to_value("s")
        if not np.all(length > 0):
            raise ValueError(f"light curve: interval {int(np.argmin(length > 0))} ends before it starts")
        if np.any((self.time_min[1:] - self.time_max[:-1]).to_value("s") < -1e-3):
            raise ValueError("light curve: intervals must be in increasing order without overlap")
        shape = len(self.time_min), len(self.e_ref)
        for name, values in {**self.norms, **self.reference, **self.extra}.items():
            if np.shape(values)[:2] != shape:
                raise ValueError(f"light curve: {name!r} has shape {np.shape(values)}, expected {shape} (time, energy)")

    # ---- constructors and files ----

    @classmethod
    def from_table(
        cls,
        table: Table,
        sed_type: str | None = None,
        reference_model: Any = None,
        gti: Any = None,
        *,
        energy_edges: Any = None,
    ) -> LightCurve:
        """Light curve from a table with one row per interval.

        Parameters
        ----------
        table
            Table in the format "lightcurve" (``time_min, time_max`` in days, energies and fluxes of all bands in every
            row) or "binned-time-series" (``time_bin_start, time_bin_size``, one band).
        sed_type
            "dnde", "e2dnde", "flux", "eflux" or "likelihood"; by default the keyword SED_TYPE, or what the columns fit.
        reference_model
            What converts between conventions: a spectral index, or a callable spectrum. By default a power law of
            index 2; "likelihood" tables carry their own reference.
        gti
            Good time intervals.
        energy_edges
            Edges of the bands, for tables without energies, as binned time series of other programs are.

        Raises
        ------
        DataFormatError
            If columns are missing, or hold impossible times or energies.
        UnitError
            If a column has another unit.
        """
        from gjax.datasets._light_curve_io import light_curve_fields

        return cls(**light_curve_fields(table, sed_type, reference_model, energy_edges), gti=gti)

    @classmethod
    def from_arrays(cls, sed_type: str = "flux", *, reference_model: Any = None, **columns: Any) -> LightCurve:
        """Light curve from arrays named like the columns of a table.

        Parameters
        ----------
        sed_type
            Convention of the arrays.
        reference_model
            See `from_table`.
        columns
            ``time_min=`` and ``time_max=`` (Time), energies of the bands, and arrays of shape (time, energy).
        """
        rows, bands = len(columns["time_min"]), len(columns["e_min"] if "e_min" in columns else columns["e_ref"])
        for name in ("e_ref", "e_min", "e_max"):
            if name in columns:
                columns[name] = u.Quantity(np.broadcast_to(columns[name], (rows, bands), subok=True))
        return cls.from_table(QTable(columns), sed_type=sed_type, reference_model=reference_model)

    @classmethod
    def read(
        cls,
        path: str | PathLike[str],
        sed_type: str | None = None,
        reference_model: Any = None,
        *,
        energy_edges: Any = None,
    ) -> LightCurve:
        """Read a light curve from FITS or from a text table (ECSV), in both formats of `from_table`.

        Parameters
        ----------
        path
            File; ``$GAMMAPY_DATA`` and the like are expanded.
        sed_type, reference_model, energy_edges
            See `from_table`.

        Raises
        ------
        MissingDataError
            If the file does not exist.
        DataFormatError
            If it is not a table of a light curve.
        """
        from gjax.datasets._light_curve_io import read_light_curve_table

        table, gti = read_light_curve_table(path)
        return cls.from_table(table, sed_type, reference_model, gti, energy_edges=energy_edges)

    def to_table(self, sed_type: str | None = None, format: str = "lightcurve") -> QTable:
        """Table with one row per interval.

        Parameters
        ----------
        sed_type
            "dnde", "e2dnde", "flux", "eflux" or "likelihood"; by default the convention that was given.
        format
            "lightcurve", with all bands in every row, or "binned-time-series" (of one band), which
            `astropy.timeseries.BinnedTimeSeries` reads.

        Raises
        ------
        ValueError
            If one of them is unknown, or there are too many bands for the format.
        """
        from gjax.datasets._light_curve_io import light_curve_table

        return light_curve_table(self, sed_type or self.sed_type_init, format)

    def write(
        self,
        path: str | PathLike[str],
        sed_type: str | None = None,
        format: str = "lightcurve",
        *,
        overwrite: bool = False,
    ) -> Path:
        """Write the table of `to_table` to FITS (suffix .fits, .fits.gz) or ECSV (any other suffix)."""
        from gjax.datasets._light_curve_io import write_light_curve_table

        return write_light_curve_table(self.to_table(sed_type, format), path, gti=self.gti, overwrite=overwrite)

    # ---- values ----

    def __len__(self) -> int:
        return len(self.time_min)

    def copy(self, **changes: Any) -> LightCurve:
        """Return the light curve with some fields changed."""
        return dataclasses.replace(self, **changes)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of intervals and of bands."""
        return len(self), len(self.e_ref)

    @property
    def time_mid(self) -> Time:
        """Middle of the intervals."""
        return self.time_min + 0.5 * (self.time_max - self.time_min)

    @property
    def time_delta(self) -> u.Quantity:
        """Lengths of the intervals [s]."""
        return (self.time_max - self.time_min).to("s")

    @property
    def points(self) -> FluxPoints:
        """All points in one list, interval after interval."""
        rows = len(self)

        def energies(values: u.Quantity | None) -> u.Quantity | None:
            return None if values is None else u.Quantity(np.tile(values.value, rows), values.unit)

        def flat(values: np.ndarray) -> np.ndarray:
            return np.reshape(values, (-1, *np.shape(values)[2:]))

        known: Any = energies(self.e_ref)
        return FluxPoints(
            e_ref=known,
            e_min=energies(self.e_min),
            e_max=energies(self.e_max),
            **self._arrays(flat),
            sed_type_init=self.sed_type_init,
            meta=self.meta,
        )

    def _arrays(self, change: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
        return {
            name: {key: change(np.asarray(values)) for key, values in getattr(self, name).items()}
            for name in ("norms", "reference", "extra")
        }

    def quantity(self, sed_type: str, suffix: str = "") -> u.Quantity | None:
        """Flux, error or upper limit in one convention, shape (time, energy), None where there is none.

        Parameters
        ----------
        sed_type
            "dnde", "e2dnde", "flux" or "eflux".
        suffix
            "", "_err", "_errn", "_errp", "_ul" or "_sensitivity".
        """
        values = self.points.quantity(sed_type, suffix)
        return None if values is None else values.reshape(self.shape)

    dnde = _flux_property("dnde", "")
    dnde_err = _flux_property("dnde", "_err")
    dnde_errn = _flux_property("dnde", "_errn")
    dnde_errp = _flux_property("dnde", "_errp")
    dnde_ul = _flux_property("dnde", "_ul")
    dnde_sensitivity = _flux_property("dnde", "_sensitivity")
    e2dnde = _flux_property("e2dnde", "")
    e2dnde_err = _flux_property("e2dnde", "_err")
    e2dnde_errn = _flux_property("e2dnde", "_errn")
    e2dnde_errp = _flux_property("e2dnde", "_errp")
    e2dnde_ul = _flux_property("e2dnde", "_ul")
    e2dnde_sensitivity = _flux_property("e2dnde", "_sensitivity")
    flux = _flux_property("flux", "")
    flux_err = _flux_property("flux", "_err")
    flux_errn = _flux_property("flux", "_errn")
    flux_errp = _flux_property("flux", "_errp")
    flux_ul = _flux_property("flux", "_ul")
    flux_sensitivity = _flux_property("flux", "_sensitivity")
    eflux = _flux_property("eflux", "")
    eflux_err = _flux_property("eflux", "_err")
    eflux_errn = _flux_property("eflux", "_errn")
    eflux_errp = _flux_property("eflux", "_errp")
    eflux_ul = _flux_property("eflux", "_ul")
    eflux_sensitivity = _flux_property("eflux", "_sensitivity")

    @property
    def sqrt_ts(self) -> np.ndarray | None:
        """Square root of the test statistic of every point, None where it is not known."""
        values = self.points.sqrt_ts
        return None if values is None else values.reshape(self.shape)

    @property
    def is_ul(self) -> np.ndarray:
        """Which points are upper limits; see `FluxPoints.is_ul`."""
        return self.points.is_ul.reshape(self.shape)

    @property
    def success(self) -> np.ndarray:
        """Which points were measured."""
        known = self.extra.get("success")
        return np.isfinite(self.norms["norm"]) if known is None else np.asarray(known, dtype=bool)

    @property
    def reason(self) -> np.ndarray:
        """Why a point was not measured; empty where it was."""
        known = self.extra.get("reason")
        return np.full(self.shape, "", dtype="<U1") if known is None else np.asarray(known)

    # ---- parts ----

    def slice_by_idx(self, time: Any = slice(None), energy: Any = slice(None)) -> LightCurve:
        """Return some intervals and bands.

        Parameters
        ----------
        time, energy
            Slices, lists of numbers, or boolean masks.

        Raises
        ------
        ValueError
            If nothing is left.
        """
        rows = np.arange(len(self))[time if isinstance(time, slice) else np.asarray(time)]
        bands = np.arange(len(self.e_ref))[energy if isinstance(energy, slice) else np.asarray(energy)]
        if not rows.size or not bands.size:
            raise ValueError("light curve: no interval or no band is left")
        parts = self._arrays(lambda values: values[rows][:, bands])
        edges = {
            name: None if getattr(self, name) is None else getattr(self, name)[bands]
            for name in ("e_ref", "e_min", "e_max")
        }
        return self.copy(time_min=self.time_min[rows], time_max=self.time_max[rows], **edges, **parts)

    def slice_by_energy(self, energy_min: Any = None, energy_max: Any = None) -> LightCurve:
        """Return the bands whose reference energies lie between two energies.

        Parameters
        ----------
        energy_min, energy_max
            Quantities or strings; None for no bound.

        Raises
        ------
        ValueError
            If no band is left.
        """
        inside = np.ones(len(self.e_ref), dtype=bool)
        if energy_min is not None:
            inside &= self.e_ref >= u.Quantity(energy_min)
        if energy_max is not None:
            inside &= self.e_ref <= u.Quantity(energy_max)
        return self.slice_by_idx(energy=inside)

    def slice_by_time(self, time_min: Time | None = None, time_max: Time | None = None) -> LightCurve:
        """Return the intervals that lie completely between two times (1 ms are tolerated).

        Raises
        ------
        ValueError
            If no interval is left.
        """
        inside, slack = np.ones(len(self), dtype=bool), 1e-3
        if time_min is not None:
            inside &= (self.time_min - time_min).to_value("s") >= -slack
        if time_max is not None:
            inside &= (self.time_max - time_max).to_value("s") <= slack
        return self.slice_by_idx(time=inside)

    def get_flux_points(self, index: int) -> FluxPoints:
        """Return the spectrum of one interval.

        Parameters
        ----------
        index
            Number of the interval.
        """
        return FluxPoints(
            e_ref=self.e_ref,
            e_min=self.e_min,
            e_max=self.e_max,
            **self._arrays(lambda values: values[index]),
            sed_type_init=self.sed_type_init,
            meta=self.meta,
        )

    # ---- other light curves ----

    def recompute_ul(self, n_sigma_ul: float = 2.0) -> LightCurve:
        """Return the light curve with upper limits of another significance; see `FluxPoints.recompute_ul`."""
        from gjax.datasets._point_profiles import with_limits

        points = with_limits(self.points, n_sigma_ul)
        norms = {**self.norms, "norm_ul": points.norms["norm_ul"].reshape(self.shape)}
        extra = {key: values for key, values in self.extra.items() if key in points.extra}
        return self.copy(norms=norms, extra=extra, meta=points.meta)

    def resample_axis(self, axis: Any) -> LightCurve:
        """Return a light curve of longer intervals, or of wider bands: the likelihoods of the points are added up.

        Parameters
        ----------
        axis
            Edges of the new intervals (`~astropy.time.Time`), or pairs of start and stop; or edges of bands (Quantity).
            Intervals and bands that do not lie in one of these completely are left out.

        Returns
        -------
        lightcurve
            As `FluxPoints.resample_axis`.

        Raises
        ------
        ValueError
            If there are no likelihood scans, or an interval or a band holds no point.
        """
        from gjax.datasets._resample_points import resample_bands, resample_times

        is_energy = isinstance(axis, u.Quantity) and axis.unit.is_equivalent("TeV")
        return resample_bands(self, axis) if is_energy else resample_times(self, axis)

    # ---- plots ----

    def plot(self, ax: Any = None, sed_type: str = "flux", **options: Any) -> Any:
        """Plot fluxes against time, one colour per band, upper limits as arrows; return the axes.

        Parameters
        ----------
        ax
            Axes; a new one if None.
        sed_type
            "dnde", "e2dnde", "flux" or "eflux".
        options
            Given to `gjax.plot.plot_light_curve`.
        """
        from gjax.plot import plot_light_curve_points

        return plot_light_curve_points(self, ax=ax, sed_type=sed_type, **options)

    def plot_ts_profiles(self, ax: Any = None, sed_type: str = "flux", band: int = 0, **options: Any) -> Any:
        """Plot the likelihood of every interval as colour against time and flux, for one band; return the axes.

        Parameters
        ----------
        ax
            Axes; a new one if None.
        sed_type
            "dnde", "e2dnde", "flux" or "eflux".
        band
            Number of the band.
        options
            Given to `gjax.plot.plot_time_scan`.
        """
        from gjax.plot import plot_light_curve_profiles

        return plot_light_curve_profiles(self, ax=ax, sed_type=sed_type, band=band, **options)

    def __repr__(self) -> str:
        failed = int((~self.success).sum())
        text = f", {failed} points not measured" if failed else ""
        return (
            f"LightCurve({len(self)} intervals, {self.time_min[0].isot} to {self.time_max[-1].isot} "
            f"{self.time_min.scale.upper()}, {len(self.e_ref)} energy bands{text})"
        )

    def _repr_html_(self) -> str:
        render: Callable[[], str] = self.to_table()._repr_html_
        return render()
