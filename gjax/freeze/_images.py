"""Predicted cubes back on the host: cutouts and folded templates put into full maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gjax.freeze import _compiled as compiled
from gjax.freeze._cutouts import FixedCutout

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
        One source; None for the sum of all.
    """
    frozen = likelihood.frozen
    out = {i: np.zeros(cube.counts.shape) for i, cube in frozen.cubes.items()}
    per_group = compiled.compiled_cubes(likelihood.problem, likelihood.start)
    for folds, buckets in zip(likelihood.folds, per_group):
        for members, made, cut in zip(frozen.members, buckets, folds.pixels):
            if made is None:
                continue
            values = np.asarray(made)
            for s, name in enumerate(folds.names):
                if source not in (None, name):
                    continue
                for d, i in enumerate(members):
                    _add(out[i], values[s, d], cut[s][d])
    return {i: total.reshape(-1, *frozen.cubes[i].shape) for i, total in out.items()}


def _add(total: np.ndarray, values: np.ndarray, cut: Any) -> None:
    if isinstance(cut, FixedCutout):
        total[:, cut.pixels] += cut.npred(values).T
    else:
        inside = cut >= 0
        total[:, cut[inside]] += values[inside].T


def cube_backgrounds(likelihood: Likelihood) -> dict[int, np.ndarray]:
    """Return the background of every map dataset with its norm, shape (energy, lat, lon), by position."""
    norms = compiled.compiled_norms(likelihood.problem, likelihood.start)
    out = {}
    for members, factors in zip(likelihood.frozen.members, norms):
        for d, i in enumerate(members):
            cube = likelihood.frozen.cubes.get(i)
            if cube is not None and factors is not None:
                out[i] = (np.asarray(factors[d])[:, None] * cube.background).reshape(-1, *cube.shape)
    return out
