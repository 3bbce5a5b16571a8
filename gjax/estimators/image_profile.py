"""Profiles of images along longitude, latitude or a radius."""

from __future__ import annotations

import dataclasses
from os import PathLike
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import QTable

from gjax.units import to_canonical

__all__ = ["ImageProfile", "ImageProfileEstimator"]

METHODS, AXES = ("sum", "mean"), ("lon", "lat", "radial")


@dataclasses.dataclass(frozen=True, eq=False)
class ImageProfile:
    """Values of an image by longitude, latitude or distance.

    Parameters
    ----------
    x_min, x_max
        Edges of the bins [deg].
    profile
        Sums or means; NaN in bins without pixels.
    profile_err
        Their errors, or None where the image has none.
    pixels
        Number of pixels in every bin.
    axis
        "lon", "lat" or "radial".
    """

    x_min: np.ndarray
    x_max: np.ndarray
    profile: u.Quantity
    profile_err: u.Quantity | None
    pixels: np.ndarray
    axis: str

    def __len__(self) -> int:
        return len(self.x_min)

    @property
    def x_ref(self) -> np.ndarray:
        """Middle of the bins [deg]."""
        return 0.5 * (self.x_min + self.x_max)

    def to_table(self) -> QTable:
        """Return a table with the columns ``x_min, x_max, x_ref, profile, profile_err``."""
        ends = {"x_min": self.x_min, "x_max": self.x_max, "x_ref": self.x_ref}
        columns: dict[str, Any] = {name: values * u.deg for name, values in ends.items()}
        columns |= {"profile": self.profile, "pixels": self.pixels}
        if self.profile_err is not None:
            columns["profile_err"] = self.profile_err
        return QTable(columns, meta={"PROFILE_TYPE": self.axis})

    def write(self, path: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the table of `to_table` to FITS (suffix .fits, .fits.gz) or ECSV (any other suffix)."""
        from gjax.datasets._flux_points_io import write_points_table

        return write_points_table(self.to_table(), path, overwrite=overwrite, name="PROFILE")

    def normalize(self, mode: str = "peak") -> ImageProfile:
        """Return the profile divided by its largest value ("peak") or by its sum ("integral").

        Raises
        ------
        ValueError
            If the mode is unknown.
        """
        if mode not in ("peak", "integral"):
            raise ValueError(f"mode: expected 'peak' or 'integral', got {mode!r}")
        unit = np.nanmax(self.profile) if mode == "peak" else np.nansum(self.profile)
        error = None if self.profile_err is None else self.profile_err / unit
        return dataclasses.replace(self, profile=self.profile / unit, profile_err=error)

    def smooth(self, radius: Any, kernel: str = "box") -> ImageProfile:
        """Return a running mean, with the errors that independent bins give it.

        Parameters
        ----------
        radius
            Half of the width of a box, or the width (one sigma) of a Gaussian (Quantity, string, or numbers in deg).
        kernel
            "box" or "gauss".

        Raises
        ------
        ValueError
            If the kernel is unknown or the radius is not positive.
        """
        width = float(to_canonical(radius, "deg", "radius"))
        if kernel not in ("box", "gauss") or not width > 0:
            raise ValueError(
                f"kernel, radius: expected 'box' or 'gauss' and a positive angle, got {kernel!r}, {radius}"
            )
        distance = np.abs(self.x_ref[:, np.newaxis] - self.x_ref)
        weight = np.exp(-0.5 * (distance / width) ** 2) if kernel == "gauss" else (distance <= width * (1 + 1e-9)) * 1.0
        weight = weight * np.isfinite(self.profile.value)
        with np.errstate(invalid="ignore"):
            weight = weight / weight.sum(axis=1, keepdims=True)
        values = weight @ np.nan_to_num(self.profile.value) * self.profile.unit
        error = self.profile_err
        if error is not None:
            error = np.sqrt(weight**2 @ np.nan_to_num(error.value) ** 2) * error.unit
        return dataclasses.replace(self, profile=values, profile_err=error)

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Plot the profile with its errors; return the axes (new ones if None).

        Parameters
        ----------
        ax
            Axes.
        options
            Given to `gjax.plot.plot_space_profile`.
        """
        from gjax.plot import plot_space_profile

        names = {"lon": "Longitude [deg]", "lat": "Latitude [deg]", "radial": "Distance [deg]"}
        unit = self.profile.unit
        error = None if self.profile_err is None else self.profile_err.to_value(unit)
        options = {"xlabel": names[self.axis], "ylabel": f"Profile [{unit}]" if str(unit) else "Profile", **options}
        return plot_space_profile(self.x_min, self.x_max, self.profile.value, error, ax=ax, **options)


@dataclasses.dataclass(frozen=True)
class ImageProfileEstimator:
    """Adds up, or averages, the pixels of an image along longitude, latitude or a radius.

    Parameters
    ----------
    x_edges
        Edges of the bins (Quantity, or numbers in deg); by default those of the pixels through the middle of the image,
        and for a radius steps of a pixel out to the farthest corner.
    method
        "sum" or "mean".
    axis
        "lon", "lat" (of the frame of the image, longitudes between -180 and 180 deg) or "radial".
    center
        Position (`~astropy.coordinates.SkyCoord`) from which radii count.

    Raises
    ------
    ValueError
        If method or axis is unknown, edges do not increase, or the centre is missing.

    Examples
    --------
    >>> from gjax.maps import WcsGeom, WcsNDMap
    >>> geom = WcsGeom.create(skydir=(0, 0), binsz=0.5, npix=(4, 2), frame="galactic")
    >>> image = WcsNDMap.from_geom(geom, data=np.ones((2, 4)))
    >>> print(ImageProfileEstimator(axis="lon").run(image).profile)
    [2. 2. 2. 2.]
    """

    x_edges: Any = None
    method: str = "sum"
    axis: str = "lon"
    center: Any = None

    def __post_init__(self) -> None:
        for name, known in (("method", METHODS), ("axis", AXES)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: expected one of {', '.join(known)}, got {getattr(self, name)!r}")
        if self.axis == "radial" and self.center is None:
            raise ValueError("center: a radial profile needs a position")
        if self.x_edges is not None:
            edges = np.atleast_1d(to_canonical(self.x_edges, "deg", "x_edges"))
            if len(edges) < 2 or not np.all(np.diff(edges) > 0):
                raise ValueError(f"x_edges: expected at least two increasing angles, got {self.x_edges}")

    def run(self, image: Any, image_err: Any = None, mask: Any = None) -> ImageProfile:
        """Return the profile of an image.

        Parameters
        ----------
        image
            Map without other axes than those of the sky; counts (no unit) have the errors of Poisson numbers.
        image_err
            Errors of the pixels.
        mask
            True for pixels that count (Gammapy asks for those that do not).

        Raises
        ------
        ValueError
            If the maps have other axes, or do not have the same pixels.
        """
        values = _image(image, "image")
        used = np.isfinite(values)
        if mask is not None:
            used &= _image(mask, "mask", values.shape).astype(bool)
        x, between = self._coordinates(image.geom)
        edges = between if self.x_edges is None else np.atleast_1d(to_canonical(self.x_edges, "deg", "x_edges"))
        size = len(edges) - 1
        place = np.where(used & (x >= edges[0]) & (x < edges[-1]), np.searchsorted(edges, x, side="right") - 1, size)

        def total(of: np.ndarray) -> np.ndarray:
            return np.bincount(place.ravel(), np.where(used, of, 0.0).ravel(), size + 1)[:size]

        pixels = total(np.ones(values.shape))
        has_any = pixels > 0
        variance = None
        if image_err is not None:
            variance = total(_image(image_err, "image_err", values.shape) ** 2)
        elif image.unit in (u.dimensionless_unscaled, u.Unit("count")):
            variance = total(values)
        number = np.where(has_any, pixels, 1.0) if self.method == "mean" else 1.0
        profile = np.where(has_any, total(values) / number, np.nan) * image.unit
        error = None
        if variance is not None:
            error = np.where(has_any, np.sqrt(np.maximum(variance, 0.0)) / number, np.nan) * image.unit
        return ImageProfile(edges[:-1], edges[1:], profile, error, pixels.astype(int), self.axis)

    def _coordinates(self, geom: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the coordinate of every pixel [deg], and edges of bins."""
        sky = geom.get_coord().skycoord
        if self.axis == "radial":
            x = sky.separation(self.center).deg
            step = float(np.mean(u.Quantity(geom.pixel_scales).to_value("deg")))
            return x, np.arange(0.0, x.max() + step, step)
        lon, lat = sky.data.lon.wrap_at("180d").deg, sky.data.lat.deg
        x = lon if self.axis == "lon" else lat
        line = np.sort(x[x.shape[0] // 2] if self.axis == "lon" else x[:, x.shape[1] // 2])
        middle = 0.5 * (line[1:] + line[:-1]) if len(line) > 1 else line
        return x, np.concatenate([[2 * line[0] - middle[0]], middle, [2 * line[-1] - middle[-1]]])


def _image(given: Any, name: str, shape: tuple[int, ...] | None = None) -> np.ndarray:
    data = np.asarray(given.data, dtype=float)
    data = data.reshape(data.shape[-2:]) if data.size == np.prod(data.shape[-2:]) else data
    if data.ndim != 2 or (shape is not None and data.shape != shape):
        raise ValueError(
            f"{name}: expected an image{'' if shape is None else f' of shape {shape}'}, got {given.data.shape}"
        )
    return data
