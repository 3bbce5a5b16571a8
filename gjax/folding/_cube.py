"""Folding of sources into cubes at the cost of photons: the rate in bins with counts, and the sum over all others.

What a bin without counts predicts is needed in sums only. So a source is evaluated at the pixels of the photons, and
its total comes from one weighted sum over the pixels of a cutout. Both use the same exposure, written as a few maps
times a few spectra (an exposure depends on the sky through few functions: those of a run by the offset are as many as
the offsets of its effective area that the cutout spans). The sum rule holds to rounding.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from gjax.folding._grid import GridShape, grid_shape
from gjax.folding._jets import expanded, jets_of, kept
from gjax.folding._mapped import mapped
from gjax.folding._psf_width import of_width
from gjax.folding._rows import pick_rows
from gjax.folding._symmetric import (
    PointShape,
    RadialShape,
    Seen,
    add_first,
    product,
    profiles_of,
    symmetric_draw,
    symmetric_image,
    tangent_axes,
)
from gjax.folding._symmetric_jets import symmetric_jets, symmetric_rate

__all__ = [
    "CubeFold",
    "FixedFold",
    "cube_bins",
    "fixed_bins",
    "fold_axes",
    "numbers_of",
    "over_datasets",
    "own_leaves",
    "source_image",
]


#: How many numbers the pixels and photons of the datasets that are folded at once may take.
_AT_ONCE = 4_000_000


class CubeFold(eqx.Module):
    """What one source that may change needs of one dataset.

    Parameters
    ----------
    shape
        Its pixels and the PSF.
    weights
        Maps of exposure inside the mask, times solid angle for radial shapes [deg2], shape (pixels, maps).
    response
        What each map gives from a true energy to an energy, shape (maps, energy_true, energy) [cm2 s].
    pixel, energy
        Pixel and energy bin of the photons' bins that the source may reach, shape (reached,).
    photons
        Exposure and energy dispersion of these bins, shape (reached, energy_true); the weights of their pixels,
        shape (reached, maps), where the PSF belongs to reconstructed energies. 0 in padding.
    bins
        For every bin with counts its place among those reached, or their number.
    psf_is_reco
        True where the PSF belongs to reconstructed energies and acts after the energy dispersion.
    """

    shape: RadialShape | PointShape | GridShape
    weights: Array
    response: Array
    pixel: Array
    energy: Array
    photons: Array
    bins: Array
    psf_is_reco: bool = eqx.field(static=True, default=False)


class FixedFold(eqx.Module):
    """A source whose shape does not change, folded once: counts per unit flux in every true-energy bin.

    Parameters
    ----------
    occupied
        For the bins with counts that the source reaches, shape (reached, energy_true).
    rest
        Summed over the other bins of each energy inside the mask, shape (energy, energy_true).
    bins
        For every bin with counts its place in ``occupied``, or the number of places if it is not reached.
    """

    occupied: Array
    rest: Array
    bins: Array


def own_leaves(fold: CubeFold | FixedFold) -> Any:
    """Return True at the leaves that every dataset has for itself, False at those that all share.

    Parameters
    ----------
    fold
        The folds, stacked.
    """
    own = jax.tree_util.tree_map(lambda _: True, fold)
    if isinstance(fold, CubeFold) and isinstance(fold.shape, PointShape):
        return eqx.tree_at(lambda f: f.shape.step, own, False)
    if isinstance(fold, CubeFold) and isinstance(fold.shape, RadialShape):
        own = eqx.tree_at(lambda f: (f.shape.wavenumber, f.shape.basis, f.shape.step), own, (False, False, False))
        return own if fold.shape.corners is None else eqx.tree_at(lambda f: f.shape.corner_basis, own, False)
    return own


def fold_axes(fold: CubeFold | FixedFold) -> Any:
    """Return the axes to map over for the folds of many datasets: 0, and None for what all of them share.

    Parameters
    ----------
    fold
        The folds, stacked.
    """
    return jax.tree_util.tree_map(lambda own: 0 if own else None, own_leaves(fold))


def numbers_of(fold: CubeFold | FixedFold) -> int:
    """Return how many numbers a dataset takes where its source is drawn and used.

    Parameters
    ----------
    fold
        The folds, stacked.
    """
    if isinstance(fold, FixedFold):
        return fold.occupied.shape[-2] * fold.occupied.shape[-1]
    (pixels, maps), energies = fold.weights.shape[-2:], fold.photons.shape[-1]
    return pixels * (12 + maps) + 2 * fold.pixel.shape[-1] * energies


def _at_once(fold: CubeFold | FixedFold, size: int) -> int:
    """Return how many datasets to fold at once, a divisor of their number: few where their pixels take much memory."""
    if isinstance(fold, FixedFold):
        return size
    most = max(1, _AT_ONCE // numbers_of(fold))
    return next(n for n in range(min(size, most), 0, -1) if size % n == 0)


def over_datasets(function: Callable[..., Array], fold: CubeFold | FixedFold, *others: Array) -> Array:
    """Map a function of a fold and arrays over the datasets, some at once.

    Parameters
    ----------
    function
        What to do with one dataset.
    fold
        The folds of all of them, stacked.
    *others
        Arrays with a leading axis of datasets.
    """
    size = len(others[0])
    step = _at_once(fold, size)
    each = mapped(function, in_axes=(fold_axes(fold), *(0 for _ in others)))
    if step == size:
        return each(fold, *others)
    own, shared = eqx.partition(fold, own_leaves(fold))
    parts = jax.tree_util.tree_map(lambda leaf: leaf.reshape(size // step, step, *leaf.shape[1:]), (own, others))
    out = jax.lax.map(lambda part: each(eqx.combine(part[0], shared), *part[1]), parts)
    return out.reshape(size, *out.shape[2:])


def source_image(shape: RadialShape | PointShape | GridShape, spatial: Any) -> Array:
    """Return a source on the pixels of its cutout, shape (pixels, energies of the PSF).

    For symmetric sources it is a density [deg-2], for others the fraction of the photons per pixel.

    Parameters
    ----------
    shape
        Pixels and PSF.
    spatial
        Spatial model with arrays in place of parameters.
    """
    return grid_shape(shape, spatial) if isinstance(shape, GridShape) else symmetric_image(shape, spatial)


def _draw(fold: CubeFold, spatial: Any) -> tuple[Seen, Array]:
    """Return a source at the photons, and in weighted sums over the pixels, shape (maps, energies)."""
    if not isinstance(fold.shape, GridShape):
        return symmetric_draw(fold, fold.shape, spatial)
    image = grid_shape(fold.shape, spatial)
    seen = image[fold.pixel, fold.energy] if fold.psf_is_reco else image[fold.pixel] * fold.photons
    return (seen, None, None), product("pj,pk->jk", fold.weights, image)


def _meet(fold: CubeFold, seen: Array, flux: Array) -> Array:
    """Return the rates at the first photons that a flux makes of what is seen per unit flux."""
    if not fold.psf_is_reco:
        return product("nt,t->n", seen, flux)
    by_energy = product("jte,t->ej", fold.response, flux)[:, None]
    photons, energy = fold.photons[: len(seen)], fold.energy[: len(seen)]
    is_spread = isinstance(fold.shape, GridShape) or fold.shape.is_spread
    return seen * pick_rows(by_energy, energy, photons, 1, is_spread=is_spread)[0, :, 0]


def _rates(fold: CubeFold, seen: Seen, flux: Array) -> Array:
    main, corner, factor = seen
    rate = _meet(fold, main, flux)
    if corner is None or factor is None:
        return rate
    return add_first(rate, factor * _meet(fold, corner, flux))


def _totals(fold: CubeFold, sums: Array, total: Array, flux: Array) -> Array:
    """Return the sums over all bins that a flux makes of sums over pixels."""
    if fold.psf_is_reco:
        return product("je,je,es->s", total, product("jte,t->je", fold.response, flux), sums)
    return product("ts,t->s", product("jt,jte,es->ts", total, fold.response, sums), flux)


def cube_bins(
    fold: CubeFold,
    flux: Array,
    sums: Array,
    width: Array | None = None,
    *,
    spatial: Any,
    changes: Any,
    order: int | None = None,
) -> Array:
    """Return the prediction in the bins with counts, and behind them its sums over the other bins.

    Parameters
    ----------
    fold
        The dataset around the source.
    flux
        Photon flux per true-energy bin [s-1 cm-2].
    sums
        1 where an energy bin belongs to a sum, shape (energy, sums).
    width
        Factor on the width of the PSF; None where it does not change.
    spatial
        Spatial model with arrays in place of parameters.
    changes
        True at the leaves of ``spatial`` that a fit may change; the position of symmetric models aside.
    order
        How many derivatives are right: fewer cost less. None for all.
    """
    # energies come in fours; where sources are drawn, in those beyond there is nothing
    flux = jnp.concatenate([flux, jnp.zeros(fold.response.shape[1] - len(flux), flux.dtype)])
    moving, constant = eqx.partition(spatial, changes)
    form, unravel = ravel_pytree((moving, width))
    constant = jax.lax.stop_gradient(constant)

    def formed(form: Array) -> tuple[Any, Any]:
        moved, by = unravel(form)
        return of_width(fold.shape, by), eqx.combine(moved, constant)

    def draw(form: Array) -> tuple[Seen, Array]:
        shape, model = formed(form)
        return _draw(eqx.tree_at(lambda f: f.shape, fold, shape), model)

    of_sums = functools.partial(_totals, fold, sums)
    if order is None:
        shape = of_width(fold.shape, width)
        seen, total = _draw(eqx.tree_at(lambda f: f.shape, fold, shape), spatial)
        rate, totals = _rates(fold, seen, flux), of_sums(total, flux)
    elif isinstance(fold.shape, GridShape):

        def use(drawn: tuple[Seen, Array], flux: Array) -> Array:
            return jnp.concatenate([_rates(fold, drawn[0], flux), of_sums(drawn[1], flux)])

        jets = kept(jets_of(draw, form, order))
        out = expanded(jets, use, form, flux)
        rate, totals = out[: len(fold.pixel)], out[len(fold.pixel) :]
    else:
        centre = spatial.unit_vector("icrs")
        axes = tangent_axes(jax.lax.stop_gradient(centre))
        place = axes[:2] @ centre
        drawn = symmetric_jets(fold, fold.shape, axes, lambda form: profiles_of(*formed(form)), form, order)
        change = form - jax.lax.stop_gradient(form)
        rate = symmetric_rate(drawn, functools.partial(_meet, fold), place - jax.lax.stop_gradient(place), change, flux)
        totals = expanded(drawn.total, of_sums, jnp.concatenate([place, form]), flux)
    rest = totals - product("n,ns->s", rate, sums[fold.energy])
    return jnp.concatenate([rate.at[fold.bins].get(mode="fill", fill_value=0.0), rest])


def fixed_bins(fold: FixedFold, flux: Array, sums: Array) -> Array:
    """Return the prediction in the bins with counts, and behind them its sums over the other bins.

    Parameters
    ----------
    fold
        The dataset around the source.
    flux
        Photon flux per true-energy bin [s-1 cm-2].
    sums
        1 where an energy bin belongs to a sum, shape (energy, sums).
    """
    reached = product("nt,t->n", fold.occupied, flux)
    rest = product("et,t,es->s", fold.rest, flux, sums)
    return jnp.concatenate([reached.at[fold.bins].get(mode="fill", fill_value=0.0), rest])
