"""Cubes to buckets: the bins with counts, and the sum of all others."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gjax.datasets import MapDatasetOnOff
from gjax.errors import FitError

__all__ = ["CubeArrays", "collapsed", "cube_arrays", "cube_fields"]


@dataclasses.dataclass(frozen=True)
class CubeArrays:
    """A map dataset as plain arrays; pixels are flattened.

    Parameters
    ----------
    name
        Name of the dataset.
    counts, background
        Shape (energy, pixels).
    mask
        Bins that count, shape (energy, pixels).
    exposure
        Shape (energy_true, pixels) [cm2 s].
    energy
        Centres of the energy bins [TeV].
    edges
        Edges of the true energies [TeV].
    vectors
        ICRS unit vectors of the pixels, shape (pixels, 3).
    solid_angle
        Shape (pixels,) [deg2].
    shape
        Pixels in latitude and longitude.
    counts_off, alpha
        Off counts and ratio of acceptances where the background is measured, shape (energy, pixels); else None.
    undefined
        Number of bins taken out of the mask because they have no off acceptance.
    """

    name: str
    counts: np.ndarray
    background: np.ndarray
    mask: np.ndarray
    exposure: np.ndarray
    energy: np.ndarray
    edges: np.ndarray
    vectors: np.ndarray
    solid_angle: np.ndarray
    shape: tuple[int, int]
    counts_off: np.ndarray | None = None
    alpha: np.ndarray | None = None
    undefined: int = 0

    @property
    def occupied(self) -> np.ndarray:
        """Flat positions (energy, pixel) of the bins with counts inside the mask."""
        return np.flatnonzero((self.mask & (self.counts > 0)).ravel())


def _check(name: str, what: str, values: np.ndarray, mask: np.ndarray | None = None) -> None:
    bad = ~np.isfinite(values) if mask is None else mask & ~np.isfinite(values)
    if bad.any():
        raise FitError(f"dataset {name!r}: {what} is not finite in {int(bad.sum())} bins")


def _off_arrays(dataset: Any, mask: np.ndarray) -> dict[str, Any]:
    """Return off counts, ratio of acceptances, the mask of bins where it is defined, and how many are not."""
    name = str(dataset.name)
    if dataset.counts_off is None or dataset.acceptance is None or dataset.acceptance_off is None:
        raise FitError(f"dataset {name!r}: has no off counts, so its background is unknown; make a ring background")
    off = np.asarray(dataset.counts_off.data, dtype=float).reshape(mask.shape)
    alpha = np.asarray(dataset.alpha.data, dtype=float).reshape(mask.shape)
    _check(name, "off counts", off, mask)
    is_defined = np.isfinite(alpha)
    undefined = mask & ~is_defined
    if mask.any() and not (mask & is_defined).any():
        raise FitError(f"dataset {name!r}: no bin has an off acceptance; is there an off region?")
    return {
        "counts_off": np.where(np.isfinite(off), off, 0.0),
        "alpha": np.where(is_defined, alpha, 0.0),
        "mask": mask & is_defined,
        "undefined": int(undefined.sum()),
    }


def cube_arrays(dataset: Any) -> CubeArrays:
    """Take the arrays out of a map dataset, with a known background or with off counts.

    Raises
    ------
    FitError
        If counts, exposure or off counts are missing, something is not finite inside the masks, or no bin has an
        off acceptance.
    """
    name = str(dataset.name)
    for field in ("counts", "exposure"):
        if getattr(dataset, field) is None:
            raise FitError(f"dataset {name!r}: has no {field}")
    geom = dataset.counts.geom
    counts = np.asarray(dataset.counts.data, dtype=float).reshape(dataset.counts.data.shape[0], -1)
    mask = np.ones(counts.shape, bool)
    if dataset.mask is not None:
        mask = np.asarray(getattr(dataset.mask, "data", dataset.mask), bool).reshape(counts.shape)
    image = geom.to_image()
    sky = image.get_coord().skycoord.icrs
    vectors = np.moveaxis(np.asarray(sky.cartesian.xyz.value), 0, -1).reshape(-1, 3)
    exposure = dataset.exposure
    if exposure.data.shape[1:] != dataset.counts.data.shape[1:]:
        raise FitError(f"dataset {name!r}: exposure and counts have different pixels")
    values = np.asarray(exposure.quantity.to_value("cm2 s"), dtype=float).reshape(exposure.data.shape[0], -1)
    _check(name, "counts", counts, mask)
    _check(name, "exposure", values)
    background = np.zeros_like(counts)
    masked: dict[str, Any] = {"mask": mask}
    if isinstance(dataset, MapDatasetOnOff):
        masked = _off_arrays(dataset, mask)
    elif dataset.background is not None:
        background = np.asarray(dataset.background.data, dtype=float).reshape(counts.shape)
        _check(name, "background", background, mask)
    axis, true = geom.axes["energy"], exposure.geom.axes["energy_true"]
    return CubeArrays(
        name=name,
        counts=counts,
        background=background,
        exposure=values,
        energy=axis.center.to_value("TeV"),
        edges=true.edges.to_value("TeV"),
        vectors=vectors,
        solid_angle=np.asarray(image.solid_angle().to_value("deg2")).reshape(-1),
        shape=tuple(dataset.counts.data.shape[-2:]),  # type: ignore[arg-type]
        **masked,
    )


def padded(values: np.ndarray, size: int) -> np.ndarray:
    """Return values padded with zeros to a length."""
    return np.concatenate([values, np.zeros(size - len(values), values.dtype)])


def unoccupied(cube: CubeArrays, values: np.ndarray) -> np.ndarray:
    """Return values (energy, pixels) in the bins of the mask without counts, 0 elsewhere."""
    return np.where(cube.mask & ~(cube.counts > 0), values, 0.0)


def collapsed(cube: CubeArrays, values: np.ndarray, size: int) -> np.ndarray:
    """Return values (energy, pixels) in the bins with counts, and behind them their sum over the others per energy.

    Parameters
    ----------
    cube
        The dataset.
    values
        Shape (energy, pixels).
    size
        Number of bins with counts after padding.
    """
    return np.concatenate([padded(values.ravel()[cube.occupied], size), unoccupied(cube, values).sum(axis=1)])


def cube_fields(cube: CubeArrays, size: int, *, by_energy: bool = False) -> dict[str, np.ndarray]:
    """Return the fields of a bucket for one dataset.

    Parameters
    ----------
    cube
        The dataset.
    size
        Number of bins with counts after padding.
    by_energy
        Whether bins without counts are summed per energy; otherwise all together.
    """
    occupied = cube.occupied
    n, pixels = len(occupied), cube.counts.shape[1]
    sums = np.eye(len(cube.energy)) if by_energy else np.ones((len(cube.energy), 1))
    fields = {
        "counts": np.concatenate([padded(cube.counts.ravel()[occupied], size), np.zeros(sums.shape[1])]),
        "mask": np.concatenate([padded(np.ones(n, bool), size), cube.mask.any(axis=1) @ sums > 0]),
        "energy_bin": padded(occupied // pixels, size).astype(np.int32),
        "sums": sums,
        "energy": cube.energy,
        "edges": cube.edges,
    }
    if cube.alpha is None or cube.counts_off is None:
        background = collapsed(cube, cube.background, size)
        return fields | {"background": background[:size], "background_rest": background[size:]}
    # all bins without on counts are one bin with the same statistic: their mean ratio, and as many off counts
    off = unoccupied(cube, cube.counts_off)
    total, constant = off.sum(axis=1) @ sums, (off * np.log1p(cube.alpha)).sum(axis=1) @ sums
    ratio = np.divide((off * cube.alpha).sum(axis=1) @ sums, total, out=np.zeros_like(total), where=total > 0)
    merged = np.divide(constant, np.log1p(ratio), out=np.zeros_like(total), where=ratio > 0)
    return fields | {
        "counts_off": np.concatenate([padded(cube.counts_off.ravel()[occupied], size), merged]),
        "alpha": np.concatenate([padded(cube.alpha.ravel()[occupied], size), ratio]),
    }
