"""Photons and exposure around one source: what stays the same while it moves, grows and changes its spectrum."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gjax.folding import CubeFold, FixedFold, GridShape, PointShape
from gjax.freeze._cubes import CubeArrays, CubeBins

__all__ = ["Cutout", "exposure_maps", "fixed_fold", "fold_places", "photon_fields", "stack_fixed", "stack_folds"]

#: Part of the exposure that may be lost when it is written as maps times spectra.
_LOST = 1e-9


@dataclasses.dataclass(frozen=True)
class Cutout:
    """The pixels around a source on one dataset.

    Parameters
    ----------
    cube
        The dataset.
    pixels
        Pixels of the map, -1 for none, shape (pixels,).
    edisp
        Energy dispersion (energy_true, energy) at the source.
    psf_is_reco
        True where the PSF belongs to reconstructed energies.
    is_density
        True where the source is drawn as a density [deg-2], False where as photons per pixel.
    exposed
        Whether the exposure acts on the source.
    image
        The source drawn on the pixels, shape (pixels, energies of the PSF), if its shape does not change.
    event_edisp
        Energy dispersion at the events of the cube, times the width of their bins, shape (energy_true, events); None
        for binned data.
    event_image
        The source drawn at the events that it reaches, if its shape does not change.
    """

    cube: CubeArrays
    pixels: np.ndarray
    edisp: np.ndarray
    psf_is_reco: bool
    is_density: bool
    exposed: bool
    image: np.ndarray | None = None
    event_edisp: np.ndarray | None = None
    event_image: np.ndarray | None = None

    @property
    def exposure(self) -> np.ndarray:
        """Exposure, times solid angle [deg2] for densities, shape (pixels, energy_true); 0 for no pixel."""
        inside = self.pixels >= 0
        size = len(self.cube.exposure), len(self.pixels)
        exposure = self.cube.exposure[:, self.pixels] if self.exposed else np.ones(size)
        factor = self.cube.solid_angle[self.pixels] if self.is_density else 1.0
        return np.where(inside, exposure * factor, 0.0).T

    @property
    def mask(self) -> np.ndarray:
        """Bins that count, shape (pixels, energy)."""
        return ((self.pixels >= 0) & self.cube.mask[:, self.pixels]).T

    def photons(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which of the cube's occupied bins (or events) are on the pixels, their pixel, and energy bin.

        They are in the order of the pixels: those of symmetric sources begin at the source.
        """
        n_map = self.cube.counts.shape[1]
        where = np.full(n_map, -1)
        inside = self.pixels >= 0
        where[self.pixels[inside]] = np.flatnonzero(inside)
        energy_bin, pixel = np.divmod(self.cube.occupied, n_map)
        reached = np.flatnonzero(where[pixel] >= 0)
        reached = reached[np.argsort(where[pixel[reached]], kind="stable")]
        return reached, where[pixel[reached]], energy_bin[reached]

    def event_weights(self, reached: np.ndarray) -> np.ndarray:
        """Return exposure times energy dispersion at events, and times solid angle for densities.

        Parameters
        ----------
        reached
            Which events.

        Returns
        -------
        weights
            Shape (reached, energy_true).
        """
        events = self.cube.events
        assert events is not None
        assert self.event_edisp is not None
        exposure = events.exposure[reached] if self.exposed else 1.0
        area = self.cube.solid_angle[self.cube.occupied[reached] % self.cube.counts.shape[1]]
        share = events.share[reached] * (area if self.is_density else 1.0)
        return exposure * self.event_edisp[:, reached].T * share[:, np.newaxis]

    def npred(self, flux: np.ndarray, image: Any) -> np.ndarray:
        """Return the predicted counts on the pixels, shape (pixels, energy).

        Parameters
        ----------
        flux
            Photon flux per true-energy bin [s-1 cm-2].
        image
            The source drawn on the pixels, shape (pixels, energies of the PSF).
        """
        if self.psf_is_reco:
            return image * ((self.exposure * flux) @ self.edisp)
        return (image * self.exposure * flux) @ self.edisp


def exposure_maps(exposure: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Write an exposure inside a mask as few maps times spectra.

    Parameters
    ----------
    exposure
        Shape (pixels, energy_true).
    mask
        Shape (pixels, energy).

    Returns
    -------
    maps
        Shape (pixels, maps).
    spectra
        Shape (maps, energy_true, energy): ``maps @ spectra`` is the exposure where the mask is set, 0 elsewhere.
    """
    patterns, which = _patterns(mask)
    # an exposure first, for it may have many energies behind few functions of the sky; then times every pattern
    sky, energies = _few(exposure)
    products = patterns[:, :, np.newaxis] * sky[:, np.newaxis, :]
    columns = products.reshape(len(mask), patterns.shape[1] * sky.shape[1])
    maps, vectors = _few(columns)
    spectra = vectors.reshape(len(vectors), patterns.shape[1], len(energies)) @ energies
    return maps, np.moveaxis(spectra[:, which, :], 1, 2)


def _patterns(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different columns of a mask, shape (pixels, patterns), and for each of its columns which one it is."""
    first: dict[bytes, int] = {}
    which = [first.setdefault(column.tobytes(), len(first)) for column in np.packbits(mask, axis=0).T]
    at = np.unique(which, return_index=True)[1]
    return mask[:, at], np.array(which, dtype=int)


def _few(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Write a matrix as few columns (rows, few) times (few, columns), all columns counting the same."""
    scale = np.abs(columns).max(axis=0, initial=0.0)
    scaled = columns / np.where(scale > 0, scale, 1.0)
    total, rest = np.sum(scaled**2), scaled
    vectors = np.zeros((columns.shape[1], 0))
    for _ in range(2):
        # products of columns know directions down to 1e-8 of the largest: those below 1e-5 are looked for in what is
        # left. A decomposition of the columns themselves takes fifty times as long
        size, directions = np.linalg.eigh(rest.T @ rest)
        is_there = (size > 1e-10 * size.max(initial=0.0)) & (np.cumsum(np.maximum(size, 0.0)) > _LOST**2 * total)
        found = directions[:, is_there]
        vectors = np.concatenate([vectors, found], axis=1)
        rest = rest - (rest @ found) @ found.T
    return scaled @ vectors, vectors.T * scale


def photon_fields(cut: Cutout) -> dict[str, np.ndarray]:
    """Return the fields of a `CubeFold` but its shape, with no padding; in ``bins`` what is reached."""
    reached, pixel, energy = cut.photons()
    weights, spectra = exposure_maps(cut.exposure, cut.mask)
    response = spectra * cut.edisp
    if cut.cube.events is not None:
        photons = cut.event_weights(reached)
        if cut.is_density:  # drawn at their own places, which follow the pixels
            pixel = len(cut.pixels) + np.arange(len(reached))
    elif cut.psf_is_reco:
        photons = weights[pixel]
    else:
        # one energy after the other: bins of one energy share a response
        photons = np.zeros((len(pixel), len(cut.edisp)))
        for e in np.unique(energy):
            rows = energy == e
            photons[rows] = weights[pixel[rows]] @ response[:, :, e]
    return {
        "weights": weights,
        "response": response,
        "pixel": pixel.astype(np.int32),
        "energy": energy.astype(np.int32),
        "photons": photons,
        "bins": reached,
    }


def _grown(array: np.ndarray, size: int, axis: int = 0) -> np.ndarray:
    """Return an array padded with zeros to a length along an axis."""
    room = [(0, size - array.shape[axis] if i == axis % array.ndim else 0) for i in range(array.ndim)]
    return np.pad(array, room)


def _in_fours(size: int) -> int:
    """Return the next multiple of four, which is how many numbers processors multiply at once."""
    return max(-(-size // 4), 1) * 4


def _of_energies(shape: Any, size: int) -> Any:
    """Return the shape of a symmetric source with zeros for true energies beyond those that there are.

    Parameters
    ----------
    shape
        `PointShape` or `RadialShape`, on the host.
    size
        Number of true energies.
    """
    axis = -1 if isinstance(shape, PointShape) else -2
    corners = shape.corners
    if corners is not None:
        corners = dataclasses.replace(corners, psf=_grown(corners.psf, size, axis))
    return dataclasses.replace(shape, psf=_grown(shape.psf, size, axis), corners=corners)


def fold_places(reached: np.ndarray, bins: CubeBins, size: int, n_bins: int) -> np.ndarray:
    """Return for every bin its place among those that a source reaches.

    Parameters
    ----------
    reached
        Which of the dataset's occupied bins (or events) the source reaches.
    bins
        Bins of the dataset.
    size
        What stands for none.
    n_bins
        Number of bins after padding.
    """
    out = np.full(n_bins, size, dtype=np.int32)
    if len(reached):
        order = np.argsort(reached)
        place = order[np.minimum(np.searchsorted(reached, bins.kept, sorter=order), len(reached) - 1)]
        out[: len(place)] = np.where(reached[place] == bins.kept, place, size)
    return out


def stack_folds(shapes: list[list[Any]], cuts: list[list[Cutout]], ladder: Any, shared: tuple[str, ...]) -> Any:
    """Stack the folds of sources and datasets.

    Parameters
    ----------
    shapes
        `RadialShape` or `GridShape` per source and dataset.
    cuts
        Their pixels.
    ladder
        Returns the padded size of an axis.
    shared
        Fields of the shapes that are the same for all.

    Returns
    -------
    folds
        With nothing for ``bins``, see `fold_places`.
    reached
        Which occupied bins each source reaches.
    """
    import jax

    def stacked(rows: list[list[Any]]) -> Any:
        flat = [one for row in rows for one in row]
        lead = len(rows), len(rows[0])
        return jax.tree_util.tree_map(lambda *leaves: np.stack(leaves).reshape(*lead, *np.shape(leaves[0])), *flat)

    fields = [[photon_fields(cut) for cut in row] for row in cuts]
    flat = [one for row in fields for one in row]
    reached = ladder(max(len(one["pixel"]) for one in flat) or 1)
    maps = _in_fours(max(one["weights"].shape[1] for one in flat))
    # events that are drawn at their own places are pixels without weight
    pixels = max(len(one["weights"]) for one in flat)
    if hasattr(shapes[0][0], "vectors"):
        pixels = len(shapes[0][0].vectors)
    is_reco = cuts[0][0].psf_is_reco
    energies = flat[0]["response"].shape[1]
    if not is_reco and not isinstance(shapes[0][0], GridShape):
        energies = _in_fours(energies)
        shapes = [[_of_energies(shape, energies) for shape in row] for row in shapes]

    def padded(one: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {
            "weights": _grown(_grown(one["weights"], maps, axis=1), pixels),
            "response": _grown(_grown(one["response"], maps), energies, axis=1),
            "pixel": _grown(one["pixel"], reached),
            "energy": _grown(one["energy"], reached),
            "photons": _grown(_grown(one["photons"], maps if is_reco else energies, axis=1), reached),
            "bins": np.zeros(0, np.int32),
        }

    arrays = stacked([[padded(one) for one in row] for row in fields])
    first = shapes[0][0]
    shape = dataclasses.replace(stacked(shapes), **{name: getattr(first, name) for name in shared})
    return CubeFold(shape=shape, psf_is_reco=is_reco, **arrays), [[one["bins"] for one in row] for row in fields]


def fixed_fold(cut: Cutout) -> dict[str, np.ndarray]:
    """Fold a source of fixed shape once: the fields of a `FixedFold`, with no padding; see `photon_fields`."""
    reached, pixel, energy = cut.photons()
    exposure, mask, image = cut.exposure, cut.mask, cut.image
    assert image is not None
    if cut.cube.events is not None:
        assert cut.event_image is not None
        occupied = cut.event_image * cut.event_weights(reached)
        total = (mask.astype(float).T @ (image * exposure)) * cut.edisp.T
    elif cut.psf_is_reco:
        occupied = image[pixel, energy][:, np.newaxis] * exposure[pixel] * cut.edisp[:, energy].T
        total = (image * mask).T @ exposure * cut.edisp.T
    else:
        per_flux = image * exposure
        occupied = per_flux[pixel] * cut.edisp[:, energy].T
        total = (mask.astype(float).T @ per_flux) * cut.edisp.T
    np.subtract.at(total, energy, occupied)
    return {"occupied": occupied, "rest": total, "bins": reached}


def stack_fixed(cuts: list[list[Cutout]], ladder: Any) -> Any:
    """Stack the folds of sources of fixed shape; see `stack_folds`."""
    fields = [[fixed_fold(cut) for cut in row] for row in cuts]
    size = ladder(max(len(one["occupied"]) for row in fields for one in row) or 1)

    def padded(one: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {
            "occupied": _grown(one["occupied"], size),
            "rest": one["rest"],
            "bins": np.zeros(0, np.int32),
        }

    done = [[padded(one) for one in row] for row in fields]
    arrays: dict[str, Any] = {
        key: np.stack([np.stack([one[key] for one in row]) for row in done]) for key in done[0][0]
    }
    return FixedFold(**arrays), [[one["bins"] for one in row] for row in fields]
