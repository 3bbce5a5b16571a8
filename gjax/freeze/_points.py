"""Counts of point sources anywhere on cubes, without a likelihood of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gjax.freeze._folds import make_folds
from gjax.models import PointSpatialModel, SkyModel
from gjax.parameters import Parameter

if TYPE_CHECKING:
    from gjax.freeze._likelihood import Likelihood

__all__ = ["point_source_counts"]


def point_source_counts(
    likelihood: Likelihood, positions: Any, spectral_model: Any
) -> list[dict[int, tuple[np.ndarray, np.ndarray]]]:
    """Return the expected counts of point sources, one at a time.

    Parameters
    ----------
    likelihood
        Of cubes.
    positions
        Where the sources are (SkyCoord), shape (sources,).
    spectral_model
        Their spectrum.

    Returns
    -------
    counts
        Per source and position of a cube in the list of datasets, the flat positions (energy, pixel) of the bins that
        it reaches, and its counts there.
    """
    import astropy.units as u

    def at(position: Any) -> SkyModel:
        lon, lat = position.icrs.ra.deg, position.icrs.dec.deg
        place: Any = [Parameter(value, "deg", frozen=True) for value in (lon, lat)]
        return SkyModel(spectral_model, PointSpatialModel(*place), name=f"{lon} {lat}")

    models = [at(position) for position in positions]
    frozen = likelihood.frozen
    folds = make_folds(models, likelihood.datasets, frozen)
    out: list[dict[int, tuple[np.ndarray, np.ndarray]]] = [{} for _ in models]
    flux: dict[bytes, np.ndarray] = {}
    for members, cuts in zip(frozen.members, folds.pixels):
        for s, row in enumerate(cuts or []):
            for d, i in enumerate(members):
                cube, cut = frozen.cubes[i], row[d]
                edges = cube.edges
                if (key := edges.tobytes()) not in flux:
                    made = spectral_model.integral(edges[:-1] * u.TeV, edges[1:] * u.TeV)
                    flux[key] = made.to_value("cm-2 s-1")
                inside = cut.pixels >= 0
                counts = cut.npred(flux[key], cut.image)[inside]
                bins = np.arange(len(cube.energy))[:, np.newaxis] * cube.counts.shape[1] + cut.pixels[inside]
                out[s][i] = bins.ravel(), counts.T.ravel()
    return out
