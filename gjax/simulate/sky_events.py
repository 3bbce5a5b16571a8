"""Photons of any source on the sky: energies, directions and times, thinned by what an instrument sees of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import astropy.units as u
import jax
import numpy as np
from astropy.coordinates import SkyCoord

from gjax.maps import WcsGeom
from gjax.models import SkyModel
from gjax.models._pixels import PixelNodes
from gjax.simulate.events import energy_grid, record
from gjax.simulate.sampling import sample_power_law_segments, sample_rows, segment_integrals

if TYPE_CHECKING:
    from gjax.data import Observation

__all__ = ["met_of", "sample_model"]

#: Pixels along each side of the images that shapes without symmetry are drawn from; fewer if they depend on energy.
PIXELS, PIXELS_PER_ENERGY = 600, 240
#: Room for what lies between the energies at which the largest effective area is known.
MARGIN = 1.02

#: Draws directions for true energies [TeV].
Directions = Callable[[np.random.Generator, np.ndarray], SkyCoord]


def met_of(observation: Observation, phase: np.ndarray) -> np.ndarray:
    """Return times [s] after the reference time of an observation, from fractions of its good time.

    Parameters
    ----------
    observation
        With good time intervals.
    phase
        From 0 to 1.
    """
    start = observation.gti.met_start.to_value("s")
    length = observation.gti.time_delta.to_value("s")
    ends = np.concatenate([[0.0], np.cumsum(length)])
    into = np.asarray(phase) * ends[-1]
    which = np.clip(np.searchsorted(ends, into, side="right") - 1, 0, len(length) - 1)
    return start[which] + into - ends[which]


# ---- directions ----


def _at_point(position: SkyCoord) -> Directions:
    icrs = position.icrs
    return lambda rng, true: SkyCoord(np.full(len(true), icrs.ra.deg), icrs.dec.deg, unit="deg")


def _radial(spatial: Any) -> Directions:
    """Draw from the profile of a symmetric shape."""
    reach = spatial.extent()
    edges = np.unique(np.concatenate([np.geomspace(1e-6, 1.0, 800), np.linspace(0, 1, 3201)])) * reach
    middle = 0.5 * (edges[1:] + edges[:-1])
    profile = np.asarray(jax.jit(lambda model, at: model.profile(at))(spatial.filled(), jax.device_put(middle)))
    weights = np.maximum(profile, 0.0) * -np.diff(np.cos(np.radians(edges)))
    cumulative = np.concatenate([[0.0], np.cumsum(weights)])[np.newaxis]
    centre = spatial.position.icrs

    def draw(rng: np.random.Generator, true: np.ndarray) -> SkyCoord:
        radius = sample_rows(rng, edges, cumulative, np.zeros(len(true), int))
        return centre.directional_offset_by(rng.random(len(true)) * 360 * u.deg, radius * u.deg)

    return draw


def _image(spatial: Any, centre: SkyCoord, width: float, energy: np.ndarray | None) -> tuple[np.ndarray, Any]:
    """Return a shape on the pixels of a tangential image (energies, pixels), and the geometry."""
    number = PIXELS if energy is None else PIXELS_PER_ENERGY
    geom = WcsGeom.create(skydir=centre, npix=number, binsz=width / number, proj="TAN", frame="icrs")
    corners = np.meshgrid(np.arange(number + 1) - 0.5, np.arange(number + 1) - 0.5)
    sky = geom.wcs.pixel_to_world(*corners).icrs
    nodes = PixelNodes.from_corners(sky.ra.deg, sky.dec.deg, "icrs", 2)
    if energy is None:
        drawn = jax.jit(lambda model, at: model.integrate_pixels(at))(spatial.filled(), jax.device_put(nodes))
    else:
        arrays = jax.device_put((nodes, energy))
        drawn = jax.jit(lambda model, at: model.integrate_pixels(*at))(spatial.filled(), arrays)
    return np.maximum(np.asarray(drawn, dtype=float), 0.0).reshape(1 if energy is None else len(energy), -1), geom


def _from_image(image: np.ndarray, geom: Any, energy: np.ndarray | None) -> Directions:
    """Draw from images; between two energies from the one or the other, by chance."""
    cumulative = np.cumsum(image, axis=1)
    number = int(np.sqrt(image.shape[1]))

    def draw(rng: np.random.Generator, true: np.ndarray) -> SkyCoord:
        plane = np.zeros(len(true), int)
        if energy is not None:
            at = np.interp(np.log(true), np.log(energy), np.arange(len(energy)))
            plane = np.floor(at + rng.random(len(true))).astype(int).clip(0, len(energy) - 1)
        pixel = np.empty(len(true), int)
        for i in np.unique(plane):
            chosen = plane == i
            target = rng.random(int(chosen.sum())) * cumulative[i, -1]
            pixel[chosen] = np.minimum(np.searchsorted(cumulative[i], target, side="right"), image.shape[1] - 1)
        y, x = np.divmod(pixel, number)
        inside = rng.random((2, len(true))) - 0.5
        return geom.wcs.pixel_to_world(x + inside[0], y + inside[1]).icrs

    return draw


def _directions(
    model: SkyModel, pointing: SkyCoord, reach: float, nodes: np.ndarray
) -> tuple[np.ndarray | float, Directions]:
    """Return the flux of the shape in sight at energies (1 for normalised shapes), and what draws directions.

    Parameters
    ----------
    model
        The source.
    pointing
        Where the array looks.
    reach
        Radius of the field of view [deg].
    nodes
        True energies [TeV].
    """
    spatial: Any = model.spatial_model
    extent = float(spatial.extent())
    if extent == 0:
        return 1.0, _at_point(spatial.position)
    if getattr(spatial, "is_radial", False) and np.isfinite(extent) and hasattr(spatial, "profile"):
        return 1.0, _radial(spatial)
    is_small = np.isfinite(extent) and extent < reach and hasattr(spatial, "position")
    energy = None
    if getattr(spatial, "is_energy_dependent", False):
        energy = np.geomspace(nodes[0], nodes[-1], 25)
    centre, half = (spatial.position.icrs, extent) if is_small else (pointing.icrs, reach)
    image, geom = _image(spatial, centre, 2 * half, energy)
    total = image.sum(axis=1)
    if not np.any(total > 0):
        return 0.0, _at_point(pointing)
    image[total == 0] = 1.0
    if energy is None:
        return float(total[0]), _from_image(image, geom, None)
    with np.errstate(divide="ignore"):
        along = np.exp(np.interp(np.log(nodes), np.log(energy), np.log(np.maximum(total, 1e-300))))
    return np.where(along > 1e-299, along, 0.0), _from_image(image, geom, energy)


# ---- times ----


def _kept_in_time(
    rng: np.random.Generator, model: SkyModel, observation: Observation, true: np.ndarray, met: np.ndarray, most: float
) -> np.ndarray:
    temporal: Any = getattr(model, "temporal_model", None)
    if temporal is None:
        return np.ones(len(true), bool)
    return rng.random(len(true)) * most < _factor(temporal, observation, met, true)


def _factor(temporal: Any, observation: Observation, met: np.ndarray, true: np.ndarray) -> np.ndarray:
    if not len(met):
        return np.empty(0)
    times = observation.gti.time_ref + met * u.s
    more = (true * u.TeV,) if getattr(temporal, "is_energy_dependent", False) else ()
    factor = np.asarray(u.Quantity(temporal(times, *more)).to_value(""), dtype=float)
    if not np.all(np.isfinite(factor)) or np.any(factor < 0):
        raise ValueError(f"{type(temporal).__name__}: factors on the flux must be finite and not negative")
    return factor


def _largest(rng: np.random.Generator, model: SkyModel, observation: Observation, nodes: np.ndarray) -> float:
    """Return a bound on the temporal factor, from many times all over the observation."""
    temporal: Any = getattr(model, "temporal_model", None)
    if temporal is None:
        return 1.0
    met = met_of(observation, (np.arange(20_000) + rng.random(20_000)) / 20_000)
    energy = np.exp(rng.uniform(np.log(nodes[0]), np.log(nodes[-1]), len(met)))
    return 1.1 * float(_factor(temporal, observation, met, energy).max())


# ---- events ----


def sample_model(rng: np.random.Generator, model: SkyModel, observation: Observation) -> dict[str, np.ndarray]:
    r"""Draw the events that an observation records of a source.

    Photons are drawn from spectrum, shape on the sky and temporal model as if the effective area were the largest in
    the field of view, thinned by what it is at their offset, and smeared by point spread function and energy
    dispersion at their offset. So their mean is the prediction at every energy, place and time, whatever the shape.

    Parameters
    ----------
    rng
        Random number generator.
    model
        The source; its responses may be switched off (``apply_irf``).
    observation
        With pointing, good time intervals, effective area and perhaps other responses.

    Returns
    -------
    events
        Arrays ``energy`` and ``energy_true`` [TeV], ``ra`` and ``dec`` [deg], ``met`` [s].

    Raises
    ------
    ValueError
        If the source has no place on the sky, the observation no effective area against offset, or the flux is
        negative or not finite.

    Examples
    --------
    >>> from gjax.data import Observation
    >>> from gjax.models import GaussianSpatialModel, PowerLawSpectralModel
    >>> from gjax.simulate import demo_array
    >>> shape = GaussianSpatialModel("83.63 deg", "22.01 deg", sigma="0.2 deg")
    >>> model = SkyModel(PowerLawSpectralModel(index=2.4, amplitude="4e-11 cm-2 s-1 TeV-1"), shape)
    >>> pointing = SkyCoord(83.63, 21.51, unit="deg")
    >>> observation = Observation.create(pointing, livetime="1700 s", irfs=demo_array())
    >>> 300 < len(sample_model(np.random.default_rng(0), model, observation)["energy"]) < 500
    True
    """
    if model.spatial_model is None:
        raise ValueError(f"source {model.name!r}: has no spatial model, so it is nowhere on the sky")
    if not observation.available_irfs or "aeff" not in observation.available_irfs:
        raise ValueError("simulating a source needs an effective area ('aeff')")
    applies = dict(model.apply_irf)
    if not applies.get("exposure", True):
        raise ValueError(f"source {model.name!r}: without exposure there are no photons to simulate")
    aeff = observation.aeff
    if "offset" not in getattr(aeff, "axes", ()) and "offset" not in getattr(aeff.axes, "names", ()):
        raise ValueError(f"expected an effective area against energy and offset, got {type(aeff).__name__}")
    pointing = observation.get_pointing_icrs().icrs
    reach = float(aeff.axes["offset"].edges.to_value("deg")[-1])
    nodes = energy_grid(aeff.axes["energy_true"])
    shape, directions = _directions(model, pointing, reach, nodes)
    spectrum = u.Quantity(model.spectral_model(nodes * u.TeV))
    density = spectrum.value if spectrum.unit == u.one else spectrum.to_value("cm-2 s-1 TeV-1")
    flux = density * shape
    if np.any(flux < 0) or not np.all(np.isfinite(flux)):
        raise ValueError(f"source {model.name!r}: the model gives fluxes that are negative or not finite")
    livetime = observation.observation_live_time_duration.to_value("s")
    offsets = np.linspace(0, reach, 40)
    area = aeff.evaluate(energy_true=nodes[:, None] * u.TeV, offset=offsets * u.deg).to_value("cm2")
    largest = np.maximum(np.nan_to_num(area).max(axis=1), 0.0)
    most = _largest(rng, model, observation, nodes)
    rate = MARGIN * most * flux * largest * livetime
    number = int(rng.poisson(segment_integrals(nodes, rate).sum()))
    true = sample_power_law_segments(rng, nodes, rate, number)
    position = directions(rng, true)
    offset = position.separation(pointing).deg if number else np.empty(0)
    here = aeff.evaluate(energy_true=true * u.TeV, offset=offset * u.deg).to_value("cm2") if number else np.empty(0)
    bound = MARGIN * np.exp(np.interp(np.log(true), np.log(nodes), np.log(np.maximum(largest, 1e-300))))
    met = met_of(observation, rng.random(number))
    kept = (rng.random(number) * bound < np.nan_to_num(here)) & (offset <= reach)
    kept &= _kept_in_time(rng, model, observation, true, met, most)
    irfs: dict[str, Any] = {
        name: getattr(observation, name)
        for name in ("edisp", "psf")
        if name in observation.available_irfs and applies.get(name, True)
    }
    events, recorded = record(rng, true[kept], position[kept], offset[kept], irfs)
    return events | {"met": met[kept][recorded]}
