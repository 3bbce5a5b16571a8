"""Events of point sources and background, drawn from models and instrument responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from gjax.irf.fov import rotate_fov
from gjax.irf.project_background import fill_gaps
from gjax.simulate.sampling import (
    sample_power_law_rows,
    sample_power_law_segments,
    sample_rows,
    segment_integrals,
)

__all__ = [
    "PointSource",
    "energy_grid",
    "record",
    "sample_background",
    "sample_radius",
    "sample_source",
    "smear_energy",
]

PER_DECADE = 48
FLUX = u.Unit("cm-2 s-1 TeV-1")


@dataclass(frozen=True)
class PointSource:
    """A point source to simulate.

    Parameters
    ----------
    spectral_model
        Differential flux as a function of energy: called with a Quantity, returns one like cm-2 s-1 TeV-1.
    position
        Where it is.
    name
        Its name.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astropy.coordinates import SkyCoord
    >>> def flux(energy):
    ...     return 1e-12 * u.Unit("cm-2 s-1 TeV-1") * (energy / u.TeV) ** -2
    >>> PointSource(flux, SkyCoord(83.6, 22.0, unit="deg")).name
    'source'
    """

    spectral_model: Any
    position: SkyCoord
    name: str = "source"


def energy_grid(axis: Any) -> np.ndarray:
    """Return energies [TeV] all along an axis, near enough to take power laws between them."""
    edges = axis.edges.to_value("TeV")
    return np.geomspace(
        edges[0] * (1 + 1e-12), edges[-1] * (1 - 1e-12), max(2, round(PER_DECADE * np.log10(edges[-1] / edges[0])) + 1)
    )


def _stochastic_index(rng: np.random.Generator, nodes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Index of the node below or above in log, drawn with the weights of linear interpolation.

    Drawing from neighbouring distributions this way is drawing from the linearly interpolated distribution.
    """
    log_nodes, log_values = np.log(nodes), np.log(values)
    low = np.clip(np.searchsorted(log_nodes, log_values, side="right") - 1, 0, len(nodes) - 2)
    weight = np.clip((log_values - log_nodes[low]) / (log_nodes[low + 1] - log_nodes[low]), 0.0, 1.0)
    return low + (rng.random(len(values)) < weight)


def sample_source(
    rng: np.random.Generator,
    source: PointSource,
    pointing: SkyCoord,
    livetime: float,
    irfs: dict[str, Any],
) -> dict[str, np.ndarray]:
    r"""Draw the events of one source.

    Their number is Poisson around :math:`t \\int \\phi(E) A(E, \\theta) dE`; true energies follow the integrand,
    reconstructed energies the energy dispersion, and distances from the source the PSF at the true energy.

    Parameters
    ----------
    rng
        Random number generator.
    source
        What to simulate.
    pointing
        Direction of the array.
    livetime
        Live time [s].
    irfs
        ``aeff``, ``edisp`` and ``psf`` (without a key, that response is perfect).

    Returns
    -------
    events
        Arrays ``energy`` and ``energy_true`` [TeV], ``ra`` and ``dec`` [deg].

    Raises
    ------
    ValueError
        If there is no effective area, or the model gives negative fluxes.

    Examples
    --------
    >>> from gjax.simulate import demo_array
    >>> def flux(energy):
    ...     return 4e-11 * u.Unit("cm-2 s-1 TeV-1") * energy.to_value("TeV") ** -2.4
    >>> source = PointSource(flux, SkyCoord(83.63, 22.01, unit="deg"))
    >>> pointing = SkyCoord(83.63, 21.51, unit="deg")
    >>> events = sample_source(np.random.default_rng(0), source, pointing, 1700.0, demo_array())
    >>> 300 < len(events["energy"]) < 500
    True
    """
    if "aeff" not in irfs:
        raise ValueError("simulating a source needs an effective area ('aeff')")
    offset = source.position.separation(pointing).to("deg")
    nodes = energy_grid(irfs["aeff"].axes["energy_true"])
    flux = u.Quantity(source.spectral_model(nodes * u.TeV)).to_value(FLUX).astype(float)
    if np.any(flux < 0) or not np.all(np.isfinite(flux)):
        raise ValueError(f"source {source.name!r}: the model gives fluxes that are negative or not finite")
    area = irfs["aeff"].evaluate(energy_true=nodes * u.TeV, offset=offset).to_value("cm2")
    rate = flux * area * livetime
    number = int(rng.poisson(segment_integrals(nodes, rate).sum()))
    true = sample_power_law_segments(rng, nodes, rate, number)
    position = SkyCoord(np.full(number, source.position.icrs.ra.deg), source.position.icrs.dec.deg, unit="deg")
    return record(rng, true, position, np.full(number, offset.value), irfs)[0]


def _by_offset(rng: np.random.Generator, axis: Any, offset: np.ndarray) -> list[tuple[u.Quantity, np.ndarray]]:
    """Return offsets of a response with the events that are drawn from each: linear interpolation, by chance."""
    nodes = axis.center.to_value("deg")
    if len(nodes) == 1 or np.ptp(offset) == 0:
        return [(np.mean(offset) * u.deg, np.arange(len(offset)))]
    low = np.clip(np.searchsorted(nodes, offset, side="right") - 1, 0, len(nodes) - 2)
    weight = np.clip((offset - nodes[low]) / (nodes[low + 1] - nodes[low]), 0.0, 1.0)
    which = low + (rng.random(len(offset)) < weight)
    return [(nodes[i] * u.deg, np.flatnonzero(which == i)) for i in np.unique(which)]


def _drawn(
    rng: np.random.Generator, values: np.ndarray, cumulative: np.ndarray, nodes: np.ndarray, true: np.ndarray
) -> np.ndarray:
    """Return one value per true energy, NaN where the distribution is empty: such photons are not recorded."""
    rows = _stochastic_index(rng, nodes, true)
    out = np.full(len(true), np.nan)
    good = cumulative[rows, -1] > 0
    out[good] = sample_rows(rng, values, cumulative, rows[good])
    return out


def smear_energy(rng: np.random.Generator, true: np.ndarray, offset: np.ndarray, edisp: Any) -> np.ndarray:
    """Draw reconstructed energies [TeV]; NaN where the response has none.

    Parameters
    ----------
    rng
        Random number generator.
    true
        True energies [TeV].
    offset
        Angles from the pointing [deg], one per event.
    edisp
        `gjax.irf.EnergyDispersion2D`; None for a perfect one.
    """
    if edisp is None or not len(true):
        return true.copy()
    nodes = edisp.axes["energy_true"].center.to_value("TeV")
    migra = edisp.axes["migra"]
    out = np.empty(len(true))
    for angle, chosen in _by_offset(rng, edisp.axes["offset"], offset):
        density = edisp.evaluate(
            energy_true=nodes[:, None] * u.TeV, migra=migra.center[None, :], offset=angle
        ).value.reshape(len(nodes), -1)
        steps = np.cumsum(np.maximum(np.nan_to_num(density), 0.0) * migra.bin_width.value, axis=1)
        cumulative = np.concatenate([np.zeros((len(nodes), 1)), steps], axis=1)
        out[chosen] = true[chosen] * _drawn(rng, migra.edges.value, cumulative, nodes, true[chosen])
    return out


def sample_radius(rng: np.random.Generator, true: np.ndarray, offset: np.ndarray, psf: Any) -> np.ndarray:
    """Draw distances [rad] between true and reconstructed directions; NaN where the response has none.

    Parameters
    ----------
    rng, true, offset
        As in `smear_energy`.
    psf
        A point spread function with ``containment``; None for a perfect one.
    """
    if psf is None or not len(true):
        return np.zeros(len(true))
    nodes = energy_grid(psf.axes["energy_true"])[::2]
    radius = np.concatenate([[0.0], np.geomspace(1e-3, 2.0, 160)]) * u.deg
    out = np.empty(len(true))
    for angle, chosen in _by_offset(rng, psf.axes["offset"], offset):
        found = psf.containment(rad=radius[None, :], energy_true=nodes[:, None] * u.TeV, offset=angle)
        cumulative = np.nan_to_num(np.asarray(found, dtype=float).reshape(len(nodes), -1))
        cumulative = np.maximum.accumulate(cumulative, axis=1)
        out[chosen] = _drawn(rng, radius.to_value("rad"), cumulative, nodes, true[chosen])
    return out


def record(
    rng: np.random.Generator,
    true: np.ndarray,
    position: SkyCoord,
    offset: np.ndarray,
    irfs: Mapping[str, Any],
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return what an instrument records of photons that hit it, and which of them it records.

    Parameters
    ----------
    rng
        Random number generator.
    true
        True energies [TeV].
    position
        True directions, one per photon.
    offset
        Angles of these from the pointing [deg].
    irfs
        ``edisp`` and ``psf`` (without a key, that response is perfect).
    """
    energy = smear_energy(rng, true, offset, irfs.get("edisp"))
    radius = sample_radius(rng, true, offset, irfs.get("psf"))
    kept = np.flatnonzero(np.isfinite(energy) & np.isfinite(radius) & (energy > 0))
    angle = rng.random(len(kept)) * 2 * np.pi * u.rad
    seen = position[kept].icrs.directional_offset_by(angle, radius[kept] * u.rad)
    return {"energy": energy[kept], "energy_true": true[kept], "ra": seen.ra.deg, "dec": seen.dec.deg}, kept


def sample_background(
    rng: np.random.Generator,
    pointing: SkyCoord,
    ontime: float,
    bkg: Any,
    oversampling: int = 4,
    *,
    factor: Any = None,
    zenith: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Draw background events over the whole field of view.

    Parameters
    ----------
    rng
        Random number generator.
    pointing
        Direction of the array.
    ontime
        Observation time [s]; background rates are tabulated per observation time.
    bkg
        `gjax.irf.Background2D` or `gjax.irf.Background3D`.
    oversampling
        Subdivisions of the offset and coordinate bins of the response.
    factor
        Factor on the rate as a function of energies [TeV]; None for 1.
    zenith
        Direction of the zenith in the field of view, counted from north through east [rad], at times spread evenly
        over the observation: needed for responses that are aligned with the horizon.

    Returns
    -------
    events
        Arrays ``energy`` [TeV], ``ra`` and ``dec`` [deg], and ``phase``: when in the observation, from 0 to 1.

    Raises
    ------
    ValueError
        If the response is aligned with the horizon and ``zenith`` is missing.

    Examples
    --------
    >>> from gjax.simulate import demo_array
    >>> pointing = SkyCoord(83.63, 21.51, unit="deg")
    >>> events = sample_background(np.random.default_rng(0), pointing, 60.0, demo_array()["bkg"])
    >>> sorted(events)
    ['dec', 'energy', 'phase', 'ra']
    """
    bkg = fill_gaps(bkg)
    nodes = energy_grid(bkg.axes["energy"])
    scale = ontime * (np.ones(len(nodes)) if factor is None else np.asarray(factor(nodes), dtype=float))
    is_radial = "offset" in bkg.axes.names
    if bkg.fov_alignment == "ALTAZ" and not is_radial and zenith is None:
        raise ValueError("the background is aligned to ALTAZ: it needs the direction of the zenith")
    cells = _rings(bkg, nodes, oversampling) if is_radial else _tiles(bkg, nodes, oversampling)
    density, place = cells[0] * scale, cells[1]
    expected = segment_integrals(nodes, density)
    numbers = rng.poisson(expected.sum(axis=1))
    cell = np.repeat(np.arange(len(numbers)), numbers)
    energy = sample_power_law_rows(rng, nodes, density, cell)
    phase = rng.random(len(cell))
    lon, lat = place(rng, cell)
    if not is_radial:
        if bkg.fov_alignment == "ALTAZ":
            assert zenith is not None
            angle = np.interp(phase, np.linspace(0, 1, len(zenith)), np.unwrap(zenith))
            lon, lat = (np.radians(v) for v in rotate_fov(np.degrees(lon), np.degrees(lat), -angle))  # type: ignore[arg-type]
        elif bkg.fov_alignment == "RADEC":
            # longitudes of the response run against right ascension
            lon = -lon
    position = SkyCoord(lon * u.rad, lat * u.rad, frame=pointing.icrs.skyoffset_frame()).icrs
    return {"energy": energy, "ra": position.ra.deg, "dec": position.dec.deg, "phase": phase}


def _finer(edges: np.ndarray, oversampling: int) -> np.ndarray:
    return np.interp(np.arange(oversampling * (len(edges) - 1) + 1) / oversampling, np.arange(len(edges)), edges)


def _rate(bkg: Any, **coords: u.Quantity) -> np.ndarray:
    """Return the rate [s-1 TeV-1 sr-1]; beyond the centres of the outermost bins at most ten times that at them.

    Beside empty bins the logarithm is steep, and would lead to any rate half a bin further out.
    """
    ends = {name: bkg.axes[name].center[[0, -1]] for name in coords}
    inside = {name: np.clip(value, *ends[name]) for name, value in coords.items()}
    rate, bound = (bkg.evaluate(**at).to_value("s-1 TeV-1 sr-1") for at in (coords, inside))
    return np.nan_to_num(np.minimum(rate, 10 * bound), posinf=0.0)


def _rings(bkg: Any, nodes: np.ndarray, oversampling: int) -> tuple[np.ndarray, Any]:
    """Return rates per energy in rings around the pointing, shape (rings, energies), and what draws places in them."""
    edges = _finer(bkg.axes["offset"].edges.to_value("rad"), oversampling)
    solid_angle = 2 * np.pi * -np.diff(np.cos(edges))
    center = 0.5 * (edges[1:] + edges[:-1])
    rate = _rate(bkg, energy=nodes[:, None] * u.TeV, offset=center[None, :] * u.rad)

    def place(rng: np.random.Generator, ring: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.cos(edges[ring]), np.cos(edges[ring + 1])
        offset = np.arccos(np.clip(low + rng.random(len(ring)) * (high - low), -1.0, 1.0))
        angle = rng.random(len(ring)) * 2 * np.pi
        lat = np.arcsin(np.sin(offset) * np.cos(angle))
        return np.arctan2(np.sin(offset) * np.sin(angle), np.cos(offset)), lat

    return (rate * solid_angle).T, place


def _tiles(bkg: Any, nodes: np.ndarray, oversampling: int) -> tuple[np.ndarray, Any]:
    """Return the same in tiles of longitude and latitude; see `_rings`."""
    lon, lat = (_finer(bkg.axes[name].edges.to_value("rad"), oversampling) for name in ("fov_lon", "fov_lat"))
    solid_angle = np.diff(lon)[:, None] * np.diff(np.sin(lat))[None, :]
    middle = [0.5 * (edges[1:] + edges[:-1]) * u.rad for edges in (lon, lat)]
    energy = nodes[:, None, None] * u.TeV
    rate = _rate(bkg, energy=energy, fov_lon=middle[0][None, :, None], fov_lat=middle[1][None, None, :])
    shape = solid_angle.shape

    def place(rng: np.random.Generator, tile: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        i, j = np.unravel_index(tile, shape)
        x = lon[i] + rng.random(len(tile)) * (lon[i + 1] - lon[i])
        return x, lat[j] + rng.random(len(tile)) * (lat[j + 1] - lat[j])

    return (rate * solid_angle).reshape(len(nodes), -1).T, place
