"""How good the folding of sources into cubes is: the same sources drawn twice as finely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import numpy as np

from gjax.freeze import _compiled as compiled
from gjax.freeze._folds import drawn_shapes, image_of
from gjax.freeze._images import cube_backgrounds, cube_signals

if TYPE_CHECKING:
    from gjax.freeze._likelihood import Likelihood

__all__ = ["folding_errors"]


def folding_errors(likelihood: Likelihood) -> dict[str, float]:
    """Return by how much the statistic changes if a source is drawn twice as finely, for every source on cubes.

    Parameters
    ----------
    likelihood
        At the values wanted.
    """
    if not likelihood.frozen.cubes:
        return {}
    frozen = likelihood.frozen
    fluxes = compiled.compiled_cubes(likelihood.problem, likelihood.start)
    signal, background = cube_signals(likelihood, None), cube_backgrounds(likelihood)
    total = {i: (signal[i] + background[i]).reshape(cube.mask.shape) for i, cube in frozen.cubes.items()}
    out: dict[str, float] = {}
    for folds, buckets in zip(likelihood.folds, fluxes):
        if folds is None:
            continue
        out |= dict.fromkeys(folds.names, 0.0)
        for members, made in zip(frozen.members, buckets):
            if made is None:
                continue
            here = [likelihood.datasets[i] for i in members], [frozen.cubes[i] for i in members]
            both = [drawn_shapes(list(folds.models), folds.method, *here, refine) for refine in (1, 2)]
            for s, model in enumerate(folds.models):
                filled = model.spatial_model.filled()  # type: ignore[union-attr]
                for d, i in enumerate(members):
                    coarse, fine = (_counts(shapes[s][d], cuts[s][d], made[0][s, d], filled) for shapes, cuts in both)
                    out[model.name] += _change(frozen.cubes[i], total[i], fine - coarse)
    return {name: abs(change) for name, change in out.items()}


def _counts(shape, cut, flux, filled) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Return the predicted counts of a source on all pixels, shape (energy, pixels)."""
    image = np.asarray(image_of(jax.device_put(shape), filled), dtype=float)[: len(cut.pixels)]
    out = np.zeros(cut.cube.counts.shape)
    inside = cut.pixels >= 0
    out[:, cut.pixels[inside]] = cut.npred(np.asarray(flux), image)[inside].T
    return out


def _change(cube, mu: np.ndarray, step: np.ndarray) -> float:  # type: ignore[no-untyped-def]
    """Return what a step of the prediction does to the Cash statistic."""
    here = cube.mask & (cube.counts > 0) & (mu > 0) & (mu + step > 0)
    ratio = np.log1p(np.where(here, step / np.where(here, mu, 1.0), 0.0))
    return float(2 * (np.sum(step[cube.mask]) - np.sum(cube.counts[here] * ratio[here])))
