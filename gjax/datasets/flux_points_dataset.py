"""Flux points as data to fit: which points enter, and the arrays that a statistic needs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from gjax.datasets._flux_reference import DNDE
from gjax.datasets._names import make_name
from gjax.datasets.flux_points import FluxPoints

__all__ = ["FluxPointsDataset"]

STAT_TYPES = ("chi2", "distrib")


@dataclass(frozen=True, eq=False, repr=False)
class FluxPointsDataset:
    """Flux points with masks and the kind of statistic that compares them with a model.

    Parameters
    ----------
    data
        The flux points.
    mask_fit, mask_safe
        Points to use in a fit, and points that can be trusted: bool arrays of shape (n,), or None for all.
    stat_type
        "chi2": symmetric errors, upper limits are left out. "distrib": asymmetric errors, and upper limits enter
        through the complementary error function (Mohanty et al. 2013, ApJ 773, 168, equation C7).
    name
        Name of the dataset; made up if None.

    Raises
    ------
    ValueError
        If the statistic is unknown or a mask has the wrong shape.

    Examples
    --------
    >>> import astropy.units as u
    >>> unit = u.Unit("cm-2 s-1 TeV-1")
    >>> points = FluxPoints.from_arrays(
    ...     e_ref=[1, 3] * u.TeV, dnde=[1e-12, np.nan] * unit, dnde_err=[1e-13, np.nan] * unit,
    ...     dnde_ul=[np.nan, 1e-13] * unit
    ... )
    >>> FluxPointsDataset(points).mask.tolist(), FluxPointsDataset(points, stat_type="distrib").mask.tolist()
    ([True, False], [True, True])
    """

    data: FluxPoints
    mask_fit: np.ndarray | None = None
    mask_safe: np.ndarray | None = None
    stat_type: str = "chi2"
    name: str | None = None
    meta_table: Any = None

    tag = "FluxPointsDataset"

    def __post_init__(self) -> None:
        if self.stat_type not in STAT_TYPES:
            raise ValueError(f"stat_type is {self.stat_type!r}, expected one of {', '.join(STAT_TYPES)}")
        for field in ("mask_fit", "mask_safe"):
            mask = getattr(self, field)
            if mask is not None:
                mask = np.asarray(getattr(mask, "data", mask)).astype(bool).reshape(-1)
                if mask.shape != (len(self.data),):
                    raise ValueError(f"{field} has {mask.size} entries, expected {len(self.data)}")
                object.__setattr__(self, field, mask)
        if self.name is None:
            object.__setattr__(self, "name", make_name())

    @property
    def gti(self) -> Any:
        """Good time intervals of the flux points, or None."""
        return self.data.gti

    def arrays(self) -> dict[str, np.ndarray]:
        """Plain arrays of shape (n,) in TeV and cm-2 s-1 TeV-1 for the statistic.

        Returns
        -------
        arrays
            ``e_ref, e_min, e_max, dnde, dnde_err, dnde_errn, dnde_errp, dnde_ul`` (NaN where not known), ``is_ul`` and
            ``mask`` (bool). Missing symmetric errors are the mean of the asymmetric ones, missing asymmetric errors
            are the symmetric one.
        """
        points = self.data
        nan = np.full(len(points), np.nan)

        def dnde(suffix: str) -> np.ndarray:
            value = points.quantity("dnde", suffix)
            return nan.copy() if value is None else value.to_value(DNDE)

        err, errn, errp = dnde("_err"), dnde("_errn"), dnde("_errp")
        err = np.where(np.isfinite(err), err, 0.5 * (errn + errp))
        return {
            "e_ref": points.e_ref.to_value("TeV"),
            "e_min": nan.copy() if points.e_min is None else points.e_min.to_value("TeV"),
            "e_max": nan.copy() if points.e_max is None else points.e_max.to_value("TeV"),
            "dnde": dnde(""),
            "dnde_err": err,
            "dnde_errn": np.where(np.isfinite(errn), errn, err),
            "dnde_errp": np.where(np.isfinite(errp), errp, err),
            "dnde_ul": dnde("_ul"),
            "is_ul": points.is_ul,
            "mask": self.mask,
        }

    @property
    def mask_valid(self) -> np.ndarray:
        """Points that the statistic is defined for: values with positive errors, and for "distrib" upper limits.

        Points whose estimate did not succeed are left out.
        """
        points = self.data
        err, errn, errp, limit = (points.norm(suffix) for suffix in ("_err", "_errn", "_errp", "_ul"))
        positive = np.zeros(len(points), dtype=bool)
        if err is not None:
            positive |= err > 0
        if errn is not None and errp is not None:
            positive |= (errn > 0) & (errp > 0)
        valid = ~points.is_ul & np.isfinite(points.norms["norm"]) & positive
        if self.stat_type == "distrib" and limit is not None:
            valid |= points.is_ul & (limit > 0)
        if "success" in points.extra:
            valid &= np.asarray(points.extra["success"]).reshape(len(points), -1).astype(bool).all(axis=1)
        return valid

    @property
    def mask(self) -> np.ndarray:
        """Points that enter the fit, shape (n,)."""
        mask = self.mask_valid
        for other in (self.mask_safe, self.mask_fit):
            if other is not None:
                mask = mask & other
        return mask

    def copy(self, name: str | None = None, **changes: Any) -> FluxPointsDataset:
        """Return the dataset with some fields changed; the name is kept unless given."""
        return dataclasses.replace(self, name=name or self.name, **changes)

    def write(self, path: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Write points and masks to FITS or ECSV."""
        from gjax.datasets._flux_points_io import write_points_table

        table = self.data.to_table()
        everything = np.ones(len(self.data), dtype=bool)
        # One mask entry per energy and sky position, the shape in which Gammapy writes and expects them.
        for key, mask in (("mask_fit", self.mask_fit), ("mask_safe", self.mask_safe)):
            table[key] = (everything if mask is None else mask)[:, np.newaxis, np.newaxis]
        return write_points_table(table, path, gti=self.gti, overwrite=overwrite, name="TABLE")

    @classmethod
    def read(cls, path: str | PathLike[str], name: str | None = None, **kwargs: Any) -> FluxPointsDataset:
        """Read points and, if the file has them, masks.

        Parameters
        ----------
        path
            FITS or ECSV file.
        name
            Name of the dataset, by default that of the file.
        kwargs
            ``sed_type`` and ``reference_model`` of `FluxPoints.from_table`; ``stat_type``.
        """
        from gjax.datasets._flux_points_io import read_points_table

        stat_type = kwargs.pop("stat_type", "chi2")
        table, gti = read_points_table(path)
        masks = {
            key: np.asarray(table[key]).astype(bool).reshape(-1) if key in table.colnames else None
            for key in ("mask_fit", "mask_safe")
        }
        points = FluxPoints.from_table(table, gti=gti, **kwargs)
        return cls(points, **masks, stat_type=stat_type, name=name or Path(path).name.split(".")[0])

    def info_dict(self) -> dict[str, Any]:
        """Summary: name, number of points, of upper limits, and of points in the fit."""
        return {
            "name": self.name,
            "n_bins": len(self.data),
            "n_ul": int(self.data.is_ul.sum()),
            "n_fit_bins": int(self.mask.sum()),
            "stat_type": self.stat_type,
        }

    def __repr__(self) -> str:
        return (
            f"FluxPointsDataset({self.name!r}, {len(self.data)} points, {int(self.mask.sum())} in the fit, "
            f"stat_type={self.stat_type!r})"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"
