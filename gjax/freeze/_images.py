"""Predicted cubes back on the host: cutouts and folded templates put into full maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import numpy as np

from gjax.freeze import _compiled as compiled
from gjax.freeze._backgrounds import cube_templates

if TYPE_CHECKING:
    from gjax.freeze._likelihood import Likelihood

__all__ = ["cube_backgrounds", "cube_signals"]


def cube_signals(likelihood: Likelihood, source: str | None) -> dict[int, np.ndarray]:
    """Return the predicted signal of every map dataset, shape (energy, lat, lon), by position.

    Parameters
    ----------
    likelihood
        At the values wanted.
    source
        One source or template of counts; None for the sum of all.
    """
    frozen = likelihood.frozen
    out = {i: np.zeros(cube.counts.shape) for i, cube in frozen.cubes.items()}
    per_group = compiled.compiled_cubes(likelihood.problem, likelihood.start)
    for folds, buckets in zip(likelihood.folds, per_group):
        if folds is None:
            continue
        for members, made, cuts in zip(frozen.members, buckets, folds.pixels):
            if made is None or cuts is None:
                continue
            fluxes, drawn = made
            for s, name in enumerate(folds.names):
                if source not in (None, name):
                    continue
                for d, i in enumerate(members):
                    cut = cuts[s][d]
                    # events that are drawn at their own places follow the pixels
                    image = cut.image if drawn is None else np.asarray(drawn[s, d])[: len(cut.pixels)]
                    inside = cut.pixels >= 0
                    npred = cut.npred(np.asarray(fluxes[s, d]), image)
                    out[i][:, cut.pixels[inside]] += npred[inside].T
    for i, counts in cube_templates(likelihood, source).items():
        out[i] += counts
    return {i: total.reshape(-1, *frozen.cubes[i].shape) for i, total in out.items()}


def cube_backgrounds(likelihood: Likelihood) -> dict[int, np.ndarray]:
    """Return the background of every map dataset, shape (energy, lat, lon), by position.

    A known one with its factors, a measured one as it fits best to on and off counts; 0 where nothing measures it.
    """
    frozen = likelihood.frozen
    per_bucket = compiled.compiled_norms(likelihood.problem, likelihood.start)
    is_measured = any(cube.alpha is not None for cube in frozen.cubes.values())
    signals = cube_signals(likelihood, None) if is_measured else {}
    out = {}
    for members, factors in zip(frozen.members, per_bucket):
        for d, i in enumerate(members):
            cube = frozen.cubes.get(i)
            if cube is None:
                continue
            if factors is None:
                counts = np.nan_to_num(cube.counts)
                arrays = signals[i].reshape(counts.shape), counts, cube.counts_off, cube.alpha
                background = np.asarray(compiled.measured_background(*jax.device_put(arrays)))
            else:
                norms, pixels = factors
                background = np.asarray(norms[d])[:, np.newaxis] * cube.background
                if pixels is not None:
                    background = background * np.asarray(pixels[d])
            out[i] = background.reshape(-1, *cube.shape)
    return out
