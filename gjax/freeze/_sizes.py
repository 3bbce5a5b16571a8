"""Whether a source that a fit found small would be better described as large.

The statistic as a function of the size of a source often has two minima in a crowded field: one at the size of a
compact object, and one where the source takes all emission around. A fit walks into the one it starts near, and should
say that there is another.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from gjax.freeze import _compiled as compiled

if TYPE_CHECKING:
    from gjax.freeze._likelihood import Likelihood
    from gjax.freeze._result import FitResult

__all__ = ["Larger", "larger_sizes"]

#: Parameters that are the size of a source.
SIZES = ("sigma", "r_0", "radius")
#: Parameters that its counts are proportional to.
NORMS = ("amplitude", "norm")
#: Ends of fits that are this close in the statistic are the same.
SAME = 0.01
#: Sizes that are tried: as parts of the radius of the cutout.
PART = 1 / 3


def _cutouts(likelihood: Likelihood) -> Iterator[tuple[str, float]]:
    """Return the sources that are drawn on cubes, and the radius of their largest cutout [deg]."""
    for folds in likelihood.folds:
        if folds is None or folds.method not in ("radial", "grid"):
            continue
        for i, name in enumerate(folds.names):
            cuts = [cut for bucket in folds.pixels if bucket is not None for cut in bucket[i]]
            areas = [cut.cube.solid_angle[cut.pixels[cut.pixels >= 0]].sum() for cut in cuts]
            yield name, float(np.sqrt(max(areas, default=0.0) / np.pi))


class Larger(NamedTuple):
    """A size that fits better with another flux alone.

    Parameters
    ----------
    name
        The parameter.
    value
        Its value there.
    unit
        Its unit.
    gain
        By how much the statistic is lower.
    """

    name: str
    value: float
    unit: str
    gain: float

    def __str__(self) -> str:
        place = f"{self.name} = {self.value:.2g} {self.unit}"
        return f"there is another minimum: {place} is better by {self.gain:.1f} at least"


def larger_sizes(result: FitResult) -> list[Larger]:
    """Return the sizes of sources that would fit better if they were larger.

    Parameters
    ----------
    result
        A fit that has converged.
    """
    likelihood = result.likelihood
    table, names = likelihood.table, likelihood.free_names
    lower, upper = table.bounds
    found: list[Larger] = []
    for source, radius in _cutouts(likelihood):
        own = [i for i, name in enumerate(names) if name.startswith(f"{source}.")]
        sizes = [i for i in own if names[i].startswith(f"{source}.spatial.") and names[i].split(".")[-1] in SIZES]
        norms = [i for i in own if names[i].split(".")[-1] in NORMS]
        if len(sizes) != 1 or not norms:
            continue
        at = table.names.index(names[sizes[0]])
        wanted = float(np.clip(PART * radius, lower[at], upper[at]))
        if not wanted > 2 * table.values[at]:
            continue
        x = np.array(result.x)
        x[sizes[0]] = (wanted - table.origins[at]) / likelihood.scale[sizes[0]]
        held = np.ones(len(x), bool)
        held[norms] = False
        # the program of the fit itself: what is held are data
        end = compiled.compiled_minimise(likelihood.problem, *jax.device_put((x, held)))
        gain = result.total_stat - float(end.statistic)
        if gain > SAME:
            found.append(Larger(names[sizes[0]], wanted, table.units[at], gain))
    return found
