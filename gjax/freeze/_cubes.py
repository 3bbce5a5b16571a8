"""Cubes to buckets: the bins with counts, and the sum of all others."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gjax.errors import FitError

__all__ = ["CubeArrays", "cube_arrays", "cube_fields"]


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

    @property
    def occupied(self) -> np.ndarray:
        """Flat positions (energy, pixel) of the bins with counts inside the mask."""
        return np.flatnonzero((self.mask & (self.counts > 0)).ravel())


def _check(name: str, what: str, values: np.ndarray, mask: np.ndarray | None = None) -> None:
    bad = ~np.isfinite(values) if mask is None else mask & ~np.isfinite(values)
    if bad.any():
        raise FitError(f"dataset {name!r}: {what} is not finite in {int(bad.sum())} bins")


def cube_arrays(dataset: Any) -> CubeArrays:
    """Take the arrays out of a map dataset.

    Raises
    ------
    FitError
        If counts or exposure are missing, something is not finite inside the masks, or there are counts where
        neither background nor exposure is.
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
    background = np.zeros_like(counts)
    if dataset.background is not None:
        background = np.asarray(dataset.background.data, dtype=float).reshape(counts.shape)
    _check(name, "counts", counts, mask)
    _check(name, "background", background, mask)
    _check(name, "exposure", values)
    axis, true = geom.axes["energy"], exposure.geom.axes["energy_true"]
    return CubeArrays(
        name=name,
        counts=counts,
        background=background,
        mask=mask,
        exposure=values,
        energy=axis.center.to_value("TeV"),
        edges=true.edges.to_value("TeV"),
        vectors=vectors,
        solid_angle=np.asarray(image.solid_angle().to_value("deg2")).reshape(-1),
        shape=tuple(dataset.counts.data.shape[-2:]),  # type: ignore[arg-type]
    )


def cube_fields(cube: CubeArrays, size: int) -> dict[str, np.ndarray]:
    """Return the fields of a bucket for one dataset, padded to ``size`` bins with counts."""
    occupied = cube.occupied
    n, pixels = len(occupied), cube.counts.shape[1]
    rest = np.where(cube.mask, cube.background, 0.0)
    rest.ravel()[occupied] = 0.0

    n_energy = len(cube.energy)

    def pad(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, np.zeros(size - n, values.dtype)])

    return {
        "counts": np.concatenate([pad(cube.counts.ravel()[occupied]), np.zeros(n_energy)]),
        "mask": np.concatenate([pad(np.ones(n, bool)), cube.mask.any(axis=1)]),
        "background": pad(cube.background.ravel()[occupied]),
        "background_rest": rest.sum(axis=1),
        "energy_bin": pad(occupied // pixels).astype(np.int32),
        "energy": cube.energy,
        "edges": cube.edges,
    }
