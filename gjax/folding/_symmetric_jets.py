"""Symmetric sources with their derivatives, written out: at the photons, and in sums over pixels.

A photon's rate depends on the place of the source through its radius alone. So a profile is drawn with its derivatives
by the radius, two or three arrays of photons times energies however many variables the place has.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gjax.folding._corners import fourfold_jets, with_factor
from gjax.folding._jets import Jets, jets_of, pairs
from gjax.folding._radial import cells, chord_jets, spline_jets, spline_sums
from gjax.folding._symmetric import PointShape, Profiles, RadialShape, Rows, add_first, near_photons, product, seen_at

__all__ = ["Along", "SymmetricJets", "symmetric_jets", "symmetric_rate"]


class Along(NamedTuple):
    """A profile at photons, with its derivatives by the radius, in cells, and by the form; see `seen_at`.

    Parameters
    ----------
    value
        Of as many orders, shape (photons, ...).
    slope, bend
        The same, an order less each, per variable of the form and per pair of them.
    """

    value: Rows
    slope: tuple[Rows, ...] = ()
    bend: tuple[Rows, ...] = ()


class SymmetricJets(NamedTuple):
    """A symmetric source with its derivatives by place and form.

    Parameters
    ----------
    main, corner
        Its profile at the photons, and that of its corners at those near the source, if any.
    radius
        Derivatives of the radii of photons by the place, in cells, shape (0, 2 or 5, photons).
    factor
        What the corners are multiplied with, and its derivatives by the place, shape (1, 3 or 6, near photons).
    total
        Weighted sums over the pixels, with derivatives by place and form.
    """

    main: Along
    corner: Along | None
    radius: Array
    factor: Array | None
    total: Jets


def symmetric_jets(
    fold: Any,
    shape: RadialShape | PointShape,
    axes: Array,
    profile: Callable[[Array], Profiles],
    form: Array,
    order: int,
) -> SymmetricJets:
    """Return a symmetric source with its derivatives by place and form.

    It is a product of splines, which depend on the place, and their coefficients, which depend on the form.

    Parameters
    ----------
    fold
        The dataset around the source, a `CubeFold`.
    shape
        Its pixels and the PSF.
    axes
        The tangent plane.
    profile
        Coefficients as a function of the form, shape (radii, energies), of the profile and of its corners.
    form
        Size of the source, width of the PSF; may be empty.
    order
        How many derivatives: 0, 1 or 2.
    """
    profiles, corners, is_spread = jets_of(profile, form, order), shape.corners, shape.is_spread
    rows = len(profiles.value[0])
    radius = chord_jets(shape.vectors, axes, order)
    here = jax.tree_util.tree_map(lambda leaf: leaf[..., fold.pixel], radius)
    cell, t, is_inside = cells(here.value, shape.step, rows)
    rate = jnp.where(is_inside, 1 / shape.step, 0.0)
    moves = jnp.concatenate([jnp.zeros((0, len(cell)), t.dtype), *(part * rate for part in here.slope + here.bend)])

    def along(which: int, photons: int) -> Along:
        def drawn(tables: Any, lower: int) -> tuple[Rows, ...]:
            at, orders = (cell[:photons], t[:photons]), tuple(range(order + 1 - lower))
            return tuple(seen_at(fold, is_spread, at, table, orders) for table in tables[which])

        value = seen_at(fold, is_spread, (cell[:photons], t[:photons]), profiles.value[which], tuple(range(order + 1)))
        slopes = (drawn(part, 1) for part in profiles.slope)
        bends = (drawn(part, 2) for part in profiles.bend)
        return Along(value, sum(slopes, ()), sum(bends, ()))

    total, factor = _total_jets(fold, shape, radius, axes, profiles, order)
    if corners is None or factor is None:
        return SymmetricJets(along(0, len(cell)), None, moves, None, total)
    near = near_photons(fold, corners, factor)
    return SymmetricJets(along(0, len(cell)), along(1, corners.photons), moves, near, total)


def _total_jets(
    fold: Any, shape: RadialShape | PointShape, radius: Jets, axes: Array, profiles: Jets, order: int
) -> tuple[Jets, Array | None]:
    """Return weighted sums over the pixels with their derivatives, and the factors on corners of pixels."""
    main, corner = profiles.value
    corners, rows = shape.corners, len(main)
    sums_of = functools.partial(spline_sums, rows=rows, is_spread=shape.is_spread)
    # pixels are summed before they meet the profile: one pass for all of its energies
    cell, four = spline_jets(radius, shape.step, rows)
    sums, near_sums, factor = sums_of(cell, four, fold.weights), None, None
    if corner is not None and corners is not None:
        near = corners.pixels
        factor = fourfold_jets(shape.vectors[:near], axes, corners.axes, order)
        near_sums = sums_of(cell[:near], with_factor(four[:, :near], factor), fold.weights[:near])

    def meet(tables: Profiles, first: int, last: int) -> Array:
        total = product("vrj,rk->vjk", sums[first:last], tables[0])
        if near_sums is None or tables[1] is None:
            return total
        return total + product("vrj,rk->vjk", near_sums[first:last], tables[1])

    def each(part: Any, k: int) -> Any:
        return jax.tree_util.tree_map(lambda leaf: leaf[k], part)

    found = meet((main, corner), 0, 1)[0]
    if order == 0:
        return Jets(found), factor
    by_form = [each(part, m) for part in profiles.slope for m in range(len(part[0]))]
    slopes = meet((main, corner), 1, 3), *(meet(tables, 0, 1) for tables in by_form)
    if order == 1:
        return Jets(found, slopes), factor
    bends = [meet((main, corner), 3, 6)]
    for m, tables in enumerate(by_form):
        # in the order of `pairs`: a form with the place, then with the forms before it and itself
        bends += [meet(tables, 1, 3)]
        bends += [meet(each(profiles.bend[0], m * (m + 1) // 2 + n), 0, 1) for n in range(m + 1)]
    return Jets(found, slopes, tuple(bends)), factor


def symmetric_rate(
    jets: SymmetricJets, meet: Callable[[Array, Array], Array], step: Array, change: Array, flux: Array
) -> Array:
    """Return the rate at the photons, in a form that is cheap to differentiate; see `expanded`.

    Parameters
    ----------
    jets
        The source.
    meet
        What a flux makes of it, shape (..., photons); linear in both.
    step, change
        Steps of place and form: zeros, by which derivatives are taken.
    flux
        The flux.
    """
    move = _polynomial(jets.radius, step) if len(jets.radius) else None
    rate = _rate(jets.main, meet, move, change, flux)
    if jets.corner is None or jets.factor is None:
        return rate
    photons = jets.factor.shape[1]
    factor = jets.factor[0] + (_polynomial(jets.factor[1:], step) if len(jets.factor) > 1 else 0.0)
    return add_first(rate, factor * _rate(jets.corner, meet, None if move is None else move[:photons], change, flux))


def _polynomial(derivatives: Array, step: Array) -> Array:
    """Return what first derivatives by the place, and perhaps second ones, make of a step."""
    out = step[0] * derivatives[0] + step[1] * derivatives[1]
    if len(derivatives) == 2:
        return out
    first, second, third = derivatives[2:]
    return out + 0.5 * step[0] ** 2 * first + step[0] * step[1] * second + 0.5 * step[1] ** 2 * third


def _rate(along: Along, meet: Callable[[Array, Array], Array], move: Array | None, change: Array, flux: Array) -> Array:
    """Return the rate of one profile: a polynomial of moves of the radius and changes of the form."""
    value, slope, bend = along
    if move is None:
        return meet(value[0], flux)
    constant = jax.lax.stop_gradient(flux)
    if len(value) == 2:
        out = meet(value[0], flux) + move * meet(value[1], constant)
        return out + sum(change[m] * meet(part[0], constant) for m, part in enumerate(slope))
    out = meet(value[0], flux) + move * meet(value[1], flux) + 0.5 * move**2 * meet(value[2], constant)
    for m, part in enumerate(slope):
        out = out + change[m] * (meet(part[0], flux) + move * meet(part[1], constant))
    for m, n, part in zip(*pairs(len(slope)), bend):
        out = out + (0.5 if m == n else 1.0) * change[m] * change[n] * meet(part[0], constant)
    return out
