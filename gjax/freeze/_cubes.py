"""Cubes to buckets: the bins with counts, and the sum of all others."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from gjax.datasets import MapDatasetOnOff, UnbinnedDataset
from gjax.errors import FitError
from gjax.freeze._events import SHARE, EventArrays, event_arrays

__all__ = ["CubeArrays", "CubeBins", "cube_arrays", "cube_bins", "cube_fields"]


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
    every_bin
        Whether bins without counts are kept one by one too; see `Likelihood.every_bin`.
    events
        Events that take the place of the bins with counts; None for binned data.
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
    every_bin: bool = False
    events: EventArrays | None = None

    @functools.cached_property
    def single(self) -> np.ndarray:
        """Bins that are kept one by one wherever a source may reach them, shape (energy, pixels)."""
        return self.mask & ((self.counts > 0) | self.every_bin)

    @functools.cached_property
    def occupied(self) -> np.ndarray:
        """Flat positions (energy, pixel) of what is kept one by one: bins inside the mask, or those of events."""
        return np.flatnonzero(self.single.ravel()) if self.events is None else self.events.bins


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
    if isinstance(dataset, UnbinnedDataset):
        masked["events"] = event_arrays(dataset, mask)
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


@dataclasses.dataclass(frozen=True)
class CubeBins:
    """Which bins of a map dataset are kept one by one, and which are summed.

    Parameters
    ----------
    cube
        The dataset.
    near
        Bins of the mask that a source may reach, shape (energy, pixels).
    far
        The other bins of the mask.
    """

    cube: CubeArrays
    near: np.ndarray
    far: np.ndarray

    @functools.cached_property
    def kept(self) -> np.ndarray:
        """Which of the dataset's occupied bins (or events) are kept one by one."""
        return np.flatnonzero(self.near.ravel()[self.cube.occupied])

    @property
    def occupied(self) -> np.ndarray:
        """Flat positions (energy, pixel) of the bins (or events) that are kept one by one."""
        return self.cube.occupied[self.kept]

    def remainder(self, values: np.ndarray) -> np.ndarray:
        """Return values (energy, pixels) where nothing is kept one by one but sources may reach."""
        if self.cube.events is None:
            return np.where(self.near & ~self.cube.single, values, 0.0)
        return self.cube.events.subtract(np.where(self.near, values, 0.0))

    @property
    def size(self) -> int:
        """Number of bins one by one, those that stand for all far ones of an energy included."""
        return len(self.kept) + (len(self.cube.energy) if self.cube.alpha is None else 0)

    def collapsed(self, values: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return values (energy, pixels) in the bins one by one, padded, and their sums over the others per energy.

        Parameters
        ----------
        values
            Shape (energy, pixels).
        size
            Number of bins after padding.
        """
        events = self.cube.events
        single = (values.ravel()[self.cube.occupied] if events is None else events.spread(values))[self.kept]
        if self.cube.alpha is None:
            single = np.concatenate([single, np.where(self.far, values, 0.0).sum(axis=1)])
        return padded(single, size), self.remainder(values).sum(axis=1)


def cube_bins(cube: CubeArrays, reached: np.ndarray | None) -> CubeBins:
    """Sort the bins of a dataset by whether a source may reach them.

    Parameters
    ----------
    cube
        The dataset.
    reached
        Pixels that a source may reach; None if bins of an energy have more in common than one factor.
    """
    if reached is None or cube.every_bin:
        return CubeBins(cube, cube.mask, np.zeros_like(cube.mask))
    # counts that nothing explains keep a bin of their own
    level = cube.background if cube.alpha is None else cube.alpha
    far = cube.mask & ~reached & ((level > 0) | ~(cube.counts > 0))
    return CubeBins(cube, cube.mask & ~far, far)


def padded(values: np.ndarray, size: int) -> np.ndarray:
    """Return values padded with zeros to a length."""
    return np.concatenate([values, np.zeros(size - len(values), values.dtype)])


def _x_log(x: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Return ``x ln(ratio)``, 0 where x is 0."""
    return np.where(x > 0, x * np.log(np.where(x > 0, ratio, 1.0)), 0.0)


def _cash_constant(bins: CubeBins) -> np.ndarray:
    """Return per energy by how much far bins are worse than one bin with all their counts and background."""
    n, b = (np.where(bins.far, v, 0.0) for v in (bins.cube.counts, bins.cube.background))
    total, background = n.sum(axis=1), b.sum(axis=1)
    # most far bins have no counts
    energy, pixel = np.nonzero(n > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = n[energy, pixel] * np.log(n[energy, pixel] / b[energy, pixel])
        return 2 * (np.bincount(energy, each, len(n)) - _x_log(total, total / background))


def _wstat_constant(bins: CubeBins) -> np.ndarray:
    """Return per energy the statistic of far bins, which have no signal."""
    assert bins.cube.counts_off is not None
    assert bins.cube.alpha is not None
    n, m, alpha = (np.where(bins.far, v, 0.0) for v in (bins.cube.counts, bins.cube.counts_off, bins.cube.alpha))
    with np.errstate(divide="ignore", invalid="ignore"):
        background = (n + m) / (1 + alpha)
        return 2 * (_x_log(n, n / (alpha * background)) + _x_log(m, m / background)).sum(axis=1)


def cube_fields(bins: CubeBins, size: int, *, by_energy: bool = False) -> dict[str, np.ndarray]:
    """Return the fields of a bucket for one dataset.

    Parameters
    ----------
    bins
        The bins of the dataset.
    size
        Number of bins one by one after padding.
    by_energy
        Whether bins without counts are summed per energy; otherwise all together.
    """
    cube, occupied = bins.cube, bins.occupied
    is_known = cube.alpha is None or cube.counts_off is None
    sums = np.eye(len(cube.energy)) if by_energy else np.ones((len(cube.energy), 1))
    counts, _ = bins.collapsed(cube.counts, size)
    constant = (_cash_constant(bins) if is_known else _wstat_constant(bins)) @ sums
    if cube.events is not None:
        # each is a count; what they stand for is made up for in the statistic
        counts[: len(occupied)] = 1.0
        number = np.bincount(occupied // cube.counts.shape[1], minlength=len(cube.energy))
        constant += 2 * np.log(SHARE) * number @ sums
    single = np.ones(len(occupied), bool)
    if is_known:
        single = np.concatenate([single, bins.far.any(axis=1)])
    energy_bin = occupied // cube.counts.shape[1]
    if is_known:
        energy_bin = np.concatenate([energy_bin, np.arange(len(cube.energy))])
    fields = {
        "counts": np.concatenate([counts, np.zeros(sums.shape[1])]),
        "mask": np.concatenate([padded(single, size), cube.mask.any(axis=1) @ sums > 0]),
        "energy_bin": padded(energy_bin, size).astype(np.int32),
        "sums": sums,
        "constant": constant,
        "energy": cube.energy,
        "edges": cube.edges,
    }
    if is_known:
        background, rest = bins.collapsed(cube.background, size)
        return fields | {"background": background, "background_rest": rest}
    # all bins without on counts are one bin with the same statistic: their mean ratio, and as many off counts
    assert cube.counts_off is not None
    off = bins.remainder(cube.counts_off)
    total, constant = off.sum(axis=1) @ sums, (off * np.log1p(cube.alpha)).sum(axis=1) @ sums  # type: ignore[arg-type]
    ratio = np.divide((off * cube.alpha).sum(axis=1) @ sums, total, out=np.zeros_like(total), where=total > 0)
    merged = np.divide(constant, np.log1p(ratio), out=np.zeros_like(total), where=ratio > 0)
    return fields | {
        "counts_off": np.concatenate([bins.collapsed(cube.counts_off, size)[0], merged]),
        "alpha": np.concatenate([bins.collapsed(cube.alpha, size)[0], ratio]),  # type: ignore[arg-type]
    }
