"""Flux points of a spectrum in any of the usual conventions, with errors, upper limits and likelihood scans."""

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

from gjax.datasets._flux_reference import DNDE, SED_UNITS

__all__ = ["FluxPoints"]

SUFFIXES = ("", "_err", "_errn", "_errp", "_ul", "_sensitivity")


def _flux_property(sed_type: str, suffix: str, text: str) -> Any:
    def get(self: FluxPoints) -> u.Quantity | None:
        return self.quantity(sed_type, suffix)

    get.__doc__ = f"{text} [{SED_UNITS[sed_type]}], None where there is none."
    return property(get)


@dataclass(frozen=True, eq=False, repr=False)
class FluxPoints:
    """Fluxes in energy bins, kept as factors (norms) on the fluxes of a reference spectrum.

    Because every convention is *norm times reference*, one set of norms gives ``dnde`` (differential flux at
    ``e_ref``), ``e2dnde``, ``flux`` and ``eflux`` (integral and energy flux between ``e_min`` and ``e_max``). Build it
    with `from_table`, `from_arrays` or `read`.

    Parameters
    ----------
    e_ref
        Reference energies, shape (n,).
    e_min, e_max
        Bin edges, or None where only reference energies are known. Bins may leave gaps.
    norms
        Arrays "norm", and optionally "norm_err", "norm_errn", "norm_errp", "norm_ul", "norm_sensitivity".
    reference
        Fluxes of the reference spectrum: "dnde" [cm-2 s-1 TeV-1], "flux" [cm-2 s-1], "eflux" [TeV cm-2 s-1].
    extra
        Other columns: "ts", "sqrt_ts", "stat", "stat_null", "stat_scan" and "norm_scan" (n, m), "npred", "counts",
        "success", "is_ul" and so on; "reason" says why a point has no value.
    sed_type_init
        Convention in which the points were given.
    meta
        Free entries; "n_sigma_ul" and "sqrt_ts_threshold_ul" (default 2) have a meaning.
    gti
        Good time intervals, or None.
    covariance
        Covariance of the norms (of one standard deviation), shape (n, n), or None; NaN for points without a value.

    Raises
    ------
    ValueError
        If the covariance has another shape or is not symmetric.

    Examples
    --------
    >>> points = FluxPoints.from_arrays(
    ...     "flux", e_min=[1, 10] * u.TeV, e_max=[10, 100] * u.TeV, flux=[9e-13, 9e-14] * u.Unit("cm-2 s-1")
    ... )
    >>> print(points.dnde)
    [1.e-13 1.e-15] 1 / (TeV s cm2)
    """

    e_ref: u.Quantity
    e_min: u.Quantity | None
    e_max: u.Quantity | None
    norms: Mapping[str, np.ndarray]
    reference: Mapping[str, np.ndarray]
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)
    sed_type_init: str = "dnde"
    meta: Mapping[str, Any] = field(default_factory=dict)
    gti: Any = None
    covariance: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.covariance is None:
            return
        given = np.asarray(self.covariance, dtype=float)
        if given.shape != (len(self.e_ref),) * 2:
            raise ValueError(f"covariance: expected shape {(len(self.e_ref),) * 2}, got {given.shape}")
        if not np.allclose(given, given.T, rtol=1e-6, equal_nan=True):
            raise ValueError("covariance: expected a symmetric matrix")
        object.__setattr__(self, "covariance", given)

    # ---- constructors and files ----

    @classmethod
    def from_table(
        cls, table: Table, sed_type: str | None = None, reference_model: Any = None, gti: Any = None
    ) -> FluxPoints:
        """Flux points from a table with the columns of the gamma-astro-data-formats "SED" convention.

        Parameters
        ----------
        table
            Table with ``e_ref`` and/or ``e_min, e_max``, and the columns of one of the conventions.
        sed_type
            "dnde", "e2dnde", "flux", "eflux" or "likelihood"; by default the keyword SED_TYPE, or what the columns fit.
        reference_model
            What converts between conventions: a spectral index, or a callable spectrum (see
            `~gjax.datasets._flux_reference.reference_fluxes`). By default a power law of index 2; "likelihood" tables
            carry their own reference.
        gti
            Good time intervals.

        Raises
        ------
        DataFormatError
            If the columns of the convention are missing or hold impossible energies.
        UnitError
            If a column has another unit.
        """
        from gjax.datasets._flux_points_io import points_from_table

        return cls(**points_from_table(table, sed_type, reference_model), gti=gti)

    @classmethod
    def from_arrays(cls, sed_type: str = "dnde", *, reference_model: Any = None, **columns: Any) -> FluxPoints:
        """Flux points from arrays named like the columns of a table, for instance of a catalog.

        Parameters
        ----------
        sed_type
            Convention of the arrays.
        reference_model
            See `from_table`.
        columns
            Quantities (``e_ref=``, ``e_min=``, ``e_max=``, ``dnde=``, ``dnde_errn=``, ...) and plain arrays
            (``is_ul=``, ``sqrt_ts=``, ...).

        Examples
        --------
        >>> points = FluxPoints.from_arrays(e_ref=[1, 2] * u.TeV, dnde=[4, 1] * u.Unit("cm-2 s-1 TeV-1"))
        >>> points.e2dnde.to("TeV cm-2 s-1")
        <Quantity [4., 4.] TeV / (s cm2)>
        """
        return cls.from_table(QTable(columns), sed_type=sed_type, reference_model=reference_model)

    @classmethod
    def read(cls, path: str | PathLike[str], sed_type: str | None = None, reference_model: Any = None) -> FluxPoints:
        """Read flux points from FITS or from a text table (ECSV).

        Parameters
        ----------
        path
            File; ``$GAMMAPY_DATA`` and the like are expanded.
        sed_type, reference_model
            See `from_table`.

        Raises
        ------
        MissingDataError
            If the file does not exist.
        DataFormatError
            If it is not a table of flux points.
        """
        from gjax.datasets._flux_points_io import read_points_table

        table, gti = read_points_table(path)
        return cls.from_table(table, sed_type=sed_type, reference_model=reference_model, gti=gti)

    def to_table(self, sed_type: str | None = None) -> QTable:
        """Table in one convention (by default the one the points were given in).

        Parameters
        ----------
        sed_type
            "dnde", "e2dnde", "flux", "eflux" or "likelihood".

        Raises
        ------
        ValueError
            If the convention is unknown, or needs bin edges that are not known.
        """
        from gjax.datasets._flux_points_io import points_to_table

        return points_to_table(self, sed_type or self.sed_type_init)

    def write(self, path: str | PathLike[str], sed_type: str | None = None, *, overwrite: bool = False) -> Path:
        """Write the table of `to_table` to FITS (suffix .fits, .fits.gz) or ECSV (any other suffix)."""
        from gjax.datasets._flux_points_io import write_points_table

        return write_points_table(self.to_table(sed_type), path, gti=self.gti, overwrite=overwrite)

    # ---- other points ----

    def recompute_ul(self, n_sigma_ul: float = 2.0) -> FluxPoints:
        """Return the points with upper limits of another significance, from their likelihood scans.

        Parameters
        ----------
        n_sigma_ul
            The statistic rises by its square above its minimum.

        Raises
        ------
        ValueError
            If the points have no scans, or the significance is not positive.
        """
        from gjax.datasets._point_profiles import with_limits

        return with_limits(self, n_sigma_ul)

    def resample_axis(self, energy_edges: Any) -> FluxPoints:
        """Return points of wider bands: in each, the likelihoods of the points inside are added up.

        Parameters
        ----------
        energy_edges
            Edges of the bands (Quantity); points that do not lie in one completely are left out.

        Returns
        -------
        points
            Norms of the same reference spectrum, with errors, limits, TS and scans of the sums; the number of points in
            each as "n_dof".

        Raises
        ------
        ValueError
            If the points have no scans or no edges, or a band holds none of them.
        """
        from gjax.datasets._resample_points import resample_energies

        return resample_energies(self, energy_edges)

    # ---- values ----

    def __len__(self) -> int:
        return len(self.e_ref)

    def copy(self, **changes: Any) -> FluxPoints:
        """Return the points with some fields changed."""
        return dataclasses.replace(self, **changes)

    @property
    def has_edges(self) -> bool:
        """Whether bin edges are known, so that integral fluxes exist."""
        return self.e_min is not None

    def reference_flux(self, sed_type: str) -> u.Quantity:
        """Flux of the reference spectrum in one convention.

        Raises
        ------
        ValueError
            If the convention is unknown, or needs bin edges that are not known.
        """
        if sed_type not in SED_UNITS:
            raise ValueError(f"unknown SED type {sed_type!r}, expected one of {', '.join(SED_UNITS)}")
        if sed_type in ("flux", "eflux") and not self.has_edges:
            raise ValueError(f"these flux points have no e_min and e_max: they cannot be converted to {sed_type!r}")
        if sed_type == "e2dnde":
            return u.Quantity(self.reference["dnde"], DNDE) * self.e_ref**2
        return u.Quantity(self.reference[sed_type], {"eflux": "TeV cm-2 s-1"}.get(sed_type, SED_UNITS[sed_type]))

    def norm(self, suffix: str = "") -> np.ndarray | None:
        """The factor on the reference spectrum, or its error or limit ("_err", "_errn", "_errp", "_ul").

        A missing symmetric error is the mean of the asymmetric ones; missing asymmetric errors are not made up.
        """
        value = self.norms.get("norm" + suffix)
        if value is None and suffix == "_err" and "norm_errn" in self.norms and "norm_errp" in self.norms:
            return 0.5 * (self.norms["norm_errn"] + self.norms["norm_errp"])
        return value

    def quantity(self, sed_type: str, suffix: str = "") -> u.Quantity | None:
        """Flux, error or upper limit in one convention, None where there is none.

        Parameters
        ----------
        sed_type
            "dnde", "e2dnde", "flux" or "eflux".
        suffix
            "", "_err", "_errn", "_errp", "_ul" or "_sensitivity".
        """
        norm = self.norm(suffix)
        return None if norm is None else (norm * self.reference_flux(sed_type)).to(SED_UNITS[sed_type])

    def covariance_of(self, sed_type: str) -> u.Quantity | None:
        """Covariance of the fluxes in one convention, None where it is not known.

        Parameters
        ----------
        sed_type
            "dnde", "e2dnde", "flux" or "eflux".
        """
        if self.covariance is None:
            return None
        reference = self.reference_flux(sed_type).to(SED_UNITS[sed_type])
        return self.covariance * reference[:, np.newaxis] * reference

    @property
    def correlation(self) -> np.ndarray | None:
        """Correlation of the points, None where it is not known."""
        if self.covariance is None:
            return None
        with np.errstate(invalid="ignore", divide="ignore"):
            width = np.sqrt(np.diag(self.covariance))
            return self.covariance / (width[:, np.newaxis] * width)

    @property
    def sqrt_ts(self) -> np.ndarray | None:
        """Square root of the test statistic of every point, None where it is not known."""
        if "sqrt_ts" in self.extra:
            return self.extra["sqrt_ts"]
        if "ts" in self.extra:
            return np.sqrt(np.maximum(self.extra["ts"], 0.0))
        return None

    @property
    def is_ul(self) -> np.ndarray:
        """Which points are upper limits.

        The column ``is_ul`` if there is one; else points with a limit and ``sqrt_ts`` below the threshold
        (``meta["sqrt_ts_threshold_ul"]``, 2); else points with a limit and no value with an error.
        """
        if "is_ul" in self.extra:
            return np.asarray(self.extra["is_ul"], dtype=bool)
        limit, error = self.norm("_ul"), self.norm("_err")
        if limit is None:
            return np.isnan(self.norms["norm"])
        if self.sqrt_ts is not None:
            return self.sqrt_ts < self.meta.get("sqrt_ts_threshold_ul", 2)
        measured = np.isfinite(self.norms["norm"]) & np.isfinite(np.nan if error is None else error)
        return np.isfinite(limit) & ~measured

    dnde = _flux_property("dnde", "", "Differential flux at e_ref")
    dnde_err = _flux_property("dnde", "_err", "Error of dnde")
    dnde_errn = _flux_property("dnde", "_errn", "Downward error of dnde")
    dnde_errp = _flux_property("dnde", "_errp", "Upward error of dnde")
    dnde_ul = _flux_property("dnde", "_ul", "Upper limit on dnde")
    dnde_sensitivity = _flux_property("dnde", "_sensitivity", "Sensitivity of dnde")
    e2dnde = _flux_property("e2dnde", "", "Squared energy times differential flux at e_ref")
    e2dnde_err = _flux_property("e2dnde", "_err", "Error of e2dnde")
    e2dnde_errn = _flux_property("e2dnde", "_errn", "Downward error of e2dnde")
    e2dnde_errp = _flux_property("e2dnde", "_errp", "Upward error of e2dnde")
    e2dnde_ul = _flux_property("e2dnde", "_ul", "Upper limit on e2dnde")
    e2dnde_sensitivity = _flux_property("e2dnde", "_sensitivity", "Sensitivity of e2dnde")
    flux = _flux_property("flux", "", "Integral flux between e_min and e_max")
    flux_err = _flux_property("flux", "_err", "Error of flux")
    flux_errn = _flux_property("flux", "_errn", "Downward error of flux")
    flux_errp = _flux_property("flux", "_errp", "Upward error of flux")
    flux_ul = _flux_property("flux", "_ul", "Upper limit on flux")
    flux_sensitivity = _flux_property("flux", "_sensitivity", "Sensitivity of flux")
    eflux = _flux_property("eflux", "", "Energy flux between e_min and e_max")
    eflux_err = _flux_property("eflux", "_err", "Error of eflux")
    eflux_errn = _flux_property("eflux", "_errn", "Downward error of eflux")
    eflux_errp = _flux_property("eflux", "_errp", "Upward error of eflux")
    eflux_ul = _flux_property("eflux", "_ul", "Upper limit on eflux")
    eflux_sensitivity = _flux_property("eflux", "_sensitivity", "Sensitivity of eflux")

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Plot E² dN/dE, upper limits as arrows; return the axes (new ones if None)."""
        from gjax.plot import plot_points

        return plot_points(self, ax=ax, **options)

    def plot_ts_profiles(self, ax: Any = None, **options: Any) -> Any:
        """Plot the likelihood of every point as colour against energy and E² dN/dE; return the axes (new ones if None).

        Parameters
        ----------
        ax
            Axes.
        options
            Given to `gjax.plot.plot_stat_scan`.

        Raises
        ------
        ValueError
            If the points have no likelihood scans or no edges.
        """
        from gjax.plot import plot_points_profiles

        return plot_points_profiles(self, ax=ax, **options)

    def plot_correlation(self, ax: Any = None) -> Any:
        """Plot the correlation of the points as an image; return the axes (new ones if None).

        Parameters
        ----------
        ax
            Axes.

        Raises
        ------
        ValueError
            If the points have no covariance.
        """
        from gjax.plot import plot_correlation

        if self.correlation is None:
            raise ValueError("these flux points have no covariance")
        return plot_correlation(self.correlation, [f"{energy:.3g}" for energy in self.e_ref.to_value("TeV")], ax=ax)

    def __repr__(self) -> str:
        low, high = self.e_ref[0], self.e_ref[-1]
        return (
            f"FluxPoints({len(self)} points, e_ref {low:.4g} to {high:.4g}, {int(self.is_ul.sum())} upper limits, "
            f"sed_type_init={self.sed_type_init!r})"
        )

    def _repr_html_(self) -> str:
        render: Callable[[], str] = self.to_table()._repr_html_
        return render()
