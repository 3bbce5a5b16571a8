"""Symmetric sources on the pixels of a cutout: at the photons, and in sums over pixels; with their derivatives."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gjax.folding._corners import Corners, fourfold_jets, with_factor
from gjax.folding._jets import Jets, jets_of, pairs
from gjax.folding._radial import (
    cells,
    chord_jets,
    chords,
    profile_coefficients,
    spline_jets,
    spline_profile,
    spline_sums,
    splines_at,
)
from gjax.folding._splines import cubics, spline_rows

__all__ = [
    "PointShape",
    "Profiles",
    "RadialShape",
    "Seen",
    "product",
    "profiles_of",
    "symmetric_draw",
    "symmetric_image",
    "symmetric_jets",
    "symmetric_rate",
    "tangent_axes",
]

#: Coefficients of a profile and of its corners, shape (radii, energies).
Profiles = tuple[Array, Array | None]
#: A source at the photons per unit flux, its corners at the first of them, and the factors on these; see `seen_at`.
Seen = tuple[Array, Array | None, Array | None]
Rows = tuple[Array, ...]


class RadialShape(eqx.Module):
    """What one symmetric source needs to be drawn on the pixels of a cutout.

    Parameters
    ----------
    vectors
        ICRS unit vectors of the pixels around the source, shape (pixels, 3).
    psf
        Hankel transform of PSF and pixel, shape (energies, modes).
    wavenumber, basis, step
        Modes [1/deg], their spline coefficients (radii, modes), and the distance of the chords [deg]; shared by all
        sources and datasets.
    corners, corner_basis
        What the corners of pixels add near the source, and spline coefficients of its modes, shape (radii, modes),
        which are shared as well; None where that is nothing.
    nodes
        Number of nodes for shapes that are sums over radii; see `AbstractShapeModel.radial_transform`.
    is_spread
        True where datasets lie on several devices.
    """

    vectors: Array
    psf: Array
    wavenumber: Array
    basis: Array
    step: Array
    corners: Corners | None = None
    corner_basis: Array | None = None
    nodes: int = eqx.field(static=True, default=64)
    is_spread: bool = eqx.field(static=True, default=False)


class PointShape(eqx.Module):
    """What one point source needs to be drawn on the pixels of a cutout: nothing of its profile changes.

    Parameters
    ----------
    vectors
        ICRS unit vectors of the pixels around the source, shape (pixels, 3).
    psf
        Spline coefficients of PSF and pixel, shape (radii, energies) [deg-2].
    step
        Distance of the chords [deg], shared by all sources and datasets.
    corners
        What the corners of pixels add near the source; None where that is nothing.
    is_spread
        True where datasets lie on several devices.
    """

    vectors: Array
    psf: Array
    step: Array
    corners: Corners | None = None
    is_spread: bool = eqx.field(static=True, default=False)


def product(*operands: Any) -> Array:
    """Return an `einsum` in full precision."""
    return jnp.einsum(*operands, precision="highest")


def tangent_axes(centre: Array) -> Array:
    """Return two axes of the tangent plane and the unit vector itself, shape (3, 3) (Duff et al. 2017, JCGT 6, 1)."""
    x, y, z = centre
    sign = jnp.where(z < 0, -1.0, 1.0).astype(centre.dtype)
    a = -1 / (sign + z)
    b = x * y * a
    return jnp.stack([1 + sign * x * x * a, sign * b, -sign * x, b, sign + y * y * a, -y, x, y, z]).reshape(3, 3)


def profiles_of(shape: RadialShape | PointShape, spatial: Any) -> Profiles:
    """Return spline coefficients of a source behind PSF and pixel, and of its corners, shape (radii, energies)."""
    corners = shape.corners
    if isinstance(shape, PointShape):
        return shape.psf, None if corners is None else corners.psf
    transform = spatial.radial_transform(shape.wavenumber, shape.nodes)
    main = profile_coefficients(shape.psf, transform, shape.basis)
    if corners is None or shape.corner_basis is None:
        return main, None
    return main, profile_coefficients(corners.psf, transform, shape.corner_basis)


def _add_first(values: Array, more: Array) -> Array:
    """Add an array to the first rows of another."""
    n = len(more)
    return jnp.concatenate([values[:n] + more, values[n:]])


def symmetric_image(shape: RadialShape | PointShape, spatial: Any) -> Array:
    """Return the density of a symmetric source on the pixels of its cutout [deg-2], shape (pixels, energies).

    Parameters
    ----------
    shape
        Pixels and PSF.
    spatial
        Spatial model with arrays in place of parameters.
    """
    main, corner = profiles_of(shape, spatial)
    centre = spatial.unit_vector("icrs")
    cell, four = splines_at(chords(shape.vectors, centre), shape.step, len(main))
    image = spline_profile(main, cell, four)
    if corner is None or shape.corners is None:
        return image
    near = shape.corners.pixels
    factor = fourfold_jets(shape.vectors[:near], tangent_axes(centre), shape.corners.axes, 0)[0]
    return _add_first(image, spline_profile(corner, cell[:near], four[:near] * factor[:, None]))


def seen_at(
    fold: Any, is_spread: bool, at: tuple[Array, Array], table: Array, orders: tuple[int, ...]
) -> tuple[Array, ...]:
    """Return what a profile gives per unit flux to the first photons, with derivatives by the place in a cell.

    Parameters
    ----------
    fold
        The dataset around the source, a `CubeFold`.
    is_spread
        Whether datasets lie on several devices.
    at
        First spline and place in the cell, shape (first photons,).
    table
        Coefficients of the profile, shape (radii, energies).
    orders
        Which derivatives: 0 for the value.

    Returns
    -------
    seen
        Of shape (first photons, energy_true) each: times exposure and energy dispersion. Where the PSF belongs to
        reconstructed energies the density alone, of shape (first photons,).
    """
    cell, t = at
    if not fold.psf_is_reco:
        return spline_rows(cell, t, table, fold.photons[: len(cell)], orders, is_spread=is_spread)
    # the column of each photon's energy, as rows of one below the other
    rows, here = len(table), fold.energy[: len(cell)]
    column, one = table.T.reshape(-1, 1), jnp.ones((len(cell), 1), table.dtype)
    found = spline_rows(cell + rows * here, t, column, one, orders, is_spread=is_spread)
    return tuple(part[:, 0] for part in found)


def _near_photons(fold: Any, corners: Corners, factor: Array) -> Array:
    """Return a factor on pixels near the source at the first photons, among which may be some further out."""
    first = fold.pixel[: corners.photons]
    return jnp.where(first < corners.pixels, factor[..., jnp.minimum(first, corners.pixels - 1)], 0.0)


def symmetric_draw(fold: Any, shape: RadialShape | PointShape, spatial: Any) -> tuple[Seen, Array]:
    """Return a source at the photons, and in weighted sums over the pixels.

    Parameters
    ----------
    fold
        The dataset around the source, a `CubeFold`.
    shape
        Its pixels and the PSF.
    spatial
        Spatial model with arrays in place of parameters.
    """
    (main, corner), corners = profiles_of(shape, spatial), shape.corners
    rows, is_spread = len(main), shape.is_spread
    centre = spatial.unit_vector("icrs")
    cell, t, _ = cells(chords(shape.vectors, centre), shape.step, rows)
    four = cubics(t)
    here = cell[fold.pixel], t[fold.pixel]
    seen = seen_at(fold, is_spread, here, main, (0,))[0]
    total = product("rj,rk->jk", spline_sums(cell, four, fold.weights, rows, is_spread=is_spread), main)
    if corner is None or corners is None:
        return (seen, None, None), total
    near = corners.pixels
    factor = fourfold_jets(shape.vectors[:near], tangent_axes(centre), corners.axes, 0)[0]
    four = four[:near] * factor[:, None]
    sums = spline_sums(cell[:near], four, fold.weights[:near], rows, is_spread=is_spread)
    first = here[0][: corners.photons], here[1][: corners.photons]
    extra = seen_at(fold, is_spread, first, corner, (0,))[0]
    return (seen, extra, _near_photons(fold, corners, factor)), total + product("rj,rk->jk", sums, corner)


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
    near = _near_photons(fold, corners, factor)
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
    return _add_first(rate, factor * _rate(jets.corner, meet, None if move is None else move[:photons], change, flux))


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
