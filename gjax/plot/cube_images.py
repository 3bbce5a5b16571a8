"""Cubes of counts and prediction on the common pixels, and the images that are drawn of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from gjax.errors import DataFormatError

__all__ = ["CubeImages", "collect_images", "dataset_images", "energy_groups"]


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


def dataset_images(dataset: Any, npred: Any = None, background: Any = None) -> CubeImages:
    """Return the cubes of one map dataset, within its mask.

    Parameters
    ----------
    dataset
        Map dataset with counts.
    npred
        Prediction: the map of all predicted counts, background included, or source name to predicted counts (map).
    background
        Predicted background (map); that of the dataset if None.

    Raises
    ------
    ValueError
        If the dataset has no counts or background, or a prediction has another shape.

    Examples
    --------
    >>> from gjax.datasets import MapDataset
    >>> from gjax.maps import MapAxis, WcsGeom
    >>> energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    >>> dataset = MapDataset.create(WcsGeom.create(npix=(4, 4), axes=[energy]), name="a")
    >>> dataset_images(dataset, {"crab": dataset.counts}).signals["crab"].shape
    (2, 4, 4)
    """
    background = dataset.background if background is None else background
    if dataset.counts is None or background is None:
        raise ValueError(f"dataset {dataset.name!r}: maps of the excess need counts and background")
    shape = dataset.counts.data.shape

    def like(name: str, values: Any) -> Any:
        data = np.asarray(getattr(values, "data", values), dtype=float)
        if data.shape != shape:
            raise ValueError(f"{name}: shape {data.shape}, the counts have {shape}")
        return dataset.counts.copy(data=data, unit="", meta={})

    known = like("background", background)
    if npred is None:
        parts = {}
    elif isinstance(npred, Mapping):
        parts = {name: like(name, values) for name, values in npred.items()}
    else:
        parts = {"model": like("npred", npred) - known}
    signals = {name: {dataset.name: part} for name, part in parts.items()}
    return collect_images(dataset.counts.geom, [dataset], {dataset.name: known}, signals)


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
