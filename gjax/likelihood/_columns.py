"""Which free parameters act on which part of the prediction, so that derivatives cost what the parts have of them.

A parameter of one source does not touch the others, and the norm of a background touches one dataset. Parameters that
share no part get one colour; one directional derivative of the prediction, part by part, then holds the derivatives by
all parameters of a colour. The number of colours is that of the parameters of the busiest part, however many sources
and datasets there are. Backgrounds and templates have the lowest colours, and only as many columns as they need.

Where most parameters act on one dataset each, the same is true of matrices: see `Arrow`.
"""

from __future__ import annotations

import equinox as eqx
from jax import Array

__all__ = ["Columns"]


class Columns(eqx.Module):
    """Colours of the free vector, and what each colour means for each part of the prediction.

    Parameters
    ----------
    directions
        One row per colour: 1 at the parameters that have it, shape (colours, k).
    sources
        Per group and bucket, the parameter of each colour that acts on a source in a dataset: 1 at its place among
        those of the dataset, shape (sources, datasets, colours, q). Without ``local`` that is the place in the free
        vector, and q is k; else the shared parameters come first, then those of the dataset.
    backgrounds
        The same per bucket, shape (datasets, first colours, q), which have as few as the model has parameters; None
        where the background has none.
    templates
        The same per bucket and group of templates, shape (pairs, first colours, q).
    shared
        Places in the free vector of the parameters that act on several datasets, shape (g,); k marks none.
    local
        Per bucket the places of those that act on one dataset alone, shape (datasets, q - g); k marks none. None
        where these are few: then matrices are dense.
    """

    directions: Array
    sources: tuple[tuple[Array, ...], ...]
    backgrounds: tuple[Array | None, ...]
    templates: tuple[tuple[Array, ...], ...]
    shared: Array | None = None
    local: tuple[Array, ...] | None = None
