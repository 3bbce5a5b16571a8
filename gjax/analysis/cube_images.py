"""Cubes of counts and prediction on the common pixels, and the images that are drawn of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from gjax.errors import DataFormatError

__all__ = ["CubeImages", "collect_images", "correlated_significance", "energy_groups"]


@dataclass(frozen=True)
class CubeImages:
    """Counts and predictions of map datasets added up on common pixels, within the masks of the datasets.

    Parameters
    ----------
    geom
        Geometry of the cubes.
    counts, background
        Shape (energy, lat, lon).
    signals
        Source name to predicted counts, same shape.
    mask
        True where any dataset is used.

    Examples
    --------
    >>> from gjax.maps import MapAxis, WcsGeom
    >>> energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    >>> geom = WcsGeom.create(npix=(4, 4), binsz=0.5, proj="TAN", skydir=(83.6, 22.0), axes=[energy])
    >>> ones = np.ones(geom.data_shape)
    >>> CubeImages(geom, ones, ones, {"a": ones}, ones > 0).npred.sum()
    np.float64(64.0)
    """

    geom: Any
    counts: np.ndarray
    background: np.ndarray
    signals: dict[str, np.ndarray] = field(default_factory=dict)
    mask: np.ndarray | None = None

    @property
    def npred(self) -> np.ndarray:
        """Predicted counts: background and all sources."""
        return self.background + sum(self.signals.values(), np.zeros_like(self.background))

    @property
    def seen(self) -> np.ndarray:
        """Pixels that are used at any energy, shape (lat, lon)."""
        if self.mask is None:
            return np.ones(self.counts.shape[-2:], dtype=bool)
        return np.asarray(self.mask.any(axis=0))

    @property
    def pixel(self) -> float:
        """Size of a pixel [deg]."""
        return float(np.sqrt(np.prod(np.abs(self.geom.pixel_scales.to_value("deg")))))

    def image(self, cube: np.ndarray) -> np.ndarray:
        """Sum a cube over energy; NaN where no dataset is used."""
        return np.where(self.seen, cube.sum(axis=0), np.nan)

    def smoothed(self, image: np.ndarray, width: float) -> np.ndarray:
        """Smooth an image with a Gaussian of a width [deg], within the pixels that are used."""
        from scipy.ndimage import gaussian_filter

        sigma = width / self.pixel
        inside = self.seen
        weight = gaussian_filter(inside.astype(float), sigma, mode="constant")
        values = gaussian_filter(np.where(inside, image, 0.0), sigma, mode="constant")
        return np.where(inside, values / np.where(inside, weight, 1.0), np.nan)


def collect_images(geom: Any, datasets: Any, background: Any, signals: dict[str, Any]) -> CubeImages:
    """Add map datasets up on common pixels.

    Parameters
    ----------
    geom
        Geometry of the result; the datasets are on cutouts of it.
    datasets
        Map datasets.
    background
        Dataset name to predicted background (map).
    signals
        Source name to predicted counts (map) per dataset name.

    Raises
    ------
    DataFormatError
        If a dataset has another number of energies.
    """
    shape = geom.data_shape
    counts, expected = np.zeros(shape), np.zeros(shape)
    sums = {name: np.zeros(shape) for name in signals}
    used = np.zeros(shape, dtype=bool)
    for dataset in datasets:
        if dataset.counts.data.shape[0] != shape[0]:
            raise DataFormatError(
                f"dataset {dataset.name!r} has {dataset.counts.data.shape[0]} energy bins, expected {shape[0]}"
            )
        here, own = geom.overlap_slices(dataset.counts.geom)
        place, part = (slice(None), *here[-2:]), (slice(None), *own[-2:])
        mask = np.ones(dataset.counts.data.shape, bool) if dataset.mask is None else np.asarray(dataset.mask.data)
        used[place] |= mask[part]
        counts[place] += np.where(mask, dataset.counts.data, 0.0)[part]
        expected[place] += np.where(mask, background[dataset.name].data, 0.0)[part]
        for name, per_dataset in signals.items():
            sums[name][place] += np.where(mask, per_dataset[dataset.name].data, 0.0)[part]
    return CubeImages(geom, counts, expected, sums, used)


def disk(radius: float) -> np.ndarray:
    """Pixels within a radius [pixel] of the one in the middle.

    Examples
    --------
    >>> disk(1.0).astype(int)
    array([[0, 1, 0],
           [1, 1, 1],
           [0, 1, 0]])
    """
    reach = int(np.floor(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return x**2 + y**2 <= radius**2


def correlated_significance(
    counts: np.ndarray, npred: np.ndarray, radius: float, seen: np.ndarray | None = None
) -> np.ndarray:
    r"""Significance of the counts in a disc around every pixel against a known expectation.

    .. math:: \mathrm{sign}(n - \mu) \sqrt{2\left(\mu - n + n \ln (n / \mu)\right)}

    (Cash 1979, ApJ 228, 939).

    Parameters
    ----------
    counts, npred
        Images (lat, lon).
    radius
        Radius of the disc [pixel].
    seen
        Pixels that are used; the others are NaN in the result.

    Examples
    --------
    >>> image = np.zeros((5, 5))
    >>> image[2, 2] = 9.0
    >>> correlated_significance(image, np.full((5, 5), 0.2), 1.0)[2, 2].round(3)
    np.float64(4.853)
    """
    from scipy.signal import fftconvolve

    kernel = disk(radius).astype(float)
    n = np.maximum(np.rint(fftconvolve(counts, kernel, mode="same")), 0.0)
    mu = fftconvolve(npred, kernel, mode="same")
    good = mu > 1e-9 * max(1.0, float(np.max(mu, initial=0.0)))
    if seen is not None:
        good &= seen
    safe = np.where(good, mu, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviance = 2 * (safe - n + np.where(n > 0, n * np.log(np.where(n > 0, n, 1.0) / safe), 0.0))
    return np.where(good, np.sign(n - safe) * np.sqrt(np.maximum(deviance, 0.0)), np.nan)


def energy_groups(mask: np.ndarray, counts: np.ndarray, number: int = 3) -> list[slice]:
    """Split the used energy bins into groups of about equal width in log energy, each with counts.

    Parameters
    ----------
    mask
        True where a bin is used, shape (energy, ...).
    counts
        Counts, same shape.
    number
        Number of groups at most.

    Examples
    --------
    >>> energy_groups(np.array([[False], [True], [True], [True], [True]]), np.array([[0], [9], [5], [2], [1]]), 2)
    [slice(1, 3, None), slice(3, 5, None)]
    """
    flat = mask.reshape(len(mask), -1)
    per_energy = np.where(flat, counts.reshape(len(mask), -1), 0.0).sum(axis=1)
    used = np.flatnonzero(flat.any(axis=1) & (per_energy > 0))
    if not len(used):
        return []
    low, high = int(used[0]), int(used[-1]) + 1
    edges = np.unique(np.round(np.linspace(low, high, min(number, high - low) + 1)).astype(int))
    return [slice(int(a), int(b)) for a, b in pairwise(edges) if per_energy[a:b].sum() > 0]
