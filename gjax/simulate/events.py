"""Events of point sources and background, drawn from models and instrument responses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from gjax.simulate.sampling import sample_power_law_segments, sample_rows, segment_integrals

__all__ = ["PointSource", "sample_background", "sample_source"]

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


def _grid(axis: Any) -> np.ndarray:
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
    nodes = _grid(irfs["aeff"].axes["energy_true"])
    flux = u.Quantity(source.spectral_model(nodes * u.TeV)).to_value(FLUX).astype(float)
    if np.any(flux < 0) or not np.all(np.isfinite(flux)):
        raise ValueError(f"source {source.name!r}: the model gives fluxes that are negative or not finite")
    area = irfs["aeff"].evaluate(energy_true=nodes * u.TeV, offset=offset).to_value("cm2")
    rate = flux * area * livetime
    number = int(rng.poisson(segment_integrals(nodes, rate).sum()))
    true = sample_power_law_segments(rng, nodes, rate, number)
    energy = _smear_energy(rng, true, offset, irfs.get("edisp"))
    radius = _sample_radius(rng, true, offset, irfs.get("psf"))
    position = source.position.icrs.directional_offset_by(rng.random(number) * 2 * np.pi * u.rad, radius * u.rad)
    return {"energy": energy, "energy_true": true, "ra": position.ra.deg, "dec": position.dec.deg}


def _smear_energy(rng: np.random.Generator, true: np.ndarray, offset: u.Quantity, edisp: Any) -> np.ndarray:
    if edisp is None or not len(true):
        return true.copy()
    nodes = edisp.axes["energy_true"].center.to_value("TeV")
    migra = edisp.axes["migra"]
    density = edisp.evaluate(
        energy_true=nodes[:, None] * u.TeV, migra=migra.center[None, :], offset=offset
    ).value.reshape(len(nodes), -1)
    cumulative = np.concatenate([np.zeros((len(nodes), 1)), np.cumsum(density * migra.bin_width.value, axis=1)], axis=1)
    return true * sample_rows(rng, migra.edges.value, cumulative, _stochastic_index(rng, nodes, true))


def _sample_radius(rng: np.random.Generator, true: np.ndarray, offset: u.Quantity, psf: Any) -> np.ndarray:
    if psf is None or not len(true):
        return np.zeros(len(true))
    nodes = _grid(psf.axes["energy_true"])[::2]
    radius = np.concatenate([[0.0], np.geomspace(1e-3, 2.0, 160)]) * u.deg
    cumulative = psf.containment(rad=radius[None, :], energy_true=nodes[:, None] * u.TeV, offset=offset)
    cumulative = np.maximum.accumulate(np.asarray(cumulative, dtype=float).reshape(len(nodes), -1), axis=1)
    return sample_rows(rng, radius.to_value("rad"), cumulative, _stochastic_index(rng, nodes, true))


def sample_background(
    rng: np.random.Generator, pointing: SkyCoord, ontime: float, bkg: Any, oversampling: int = 4
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
        `gjax.irf.Background2D` or `gjax.irf.Background3D`; the latter aligned to right ascension and declination.
    oversampling
        Subdivisions of the offset and coordinate bins of the response.

    Returns
    -------
    events
        Arrays ``energy`` [TeV], ``ra`` and ``dec`` [deg].

    Examples
    --------
    >>> from gjax.simulate import demo_array
    >>> pointing = SkyCoord(83.63, 21.51, unit="deg")
    >>> events = sample_background(np.random.default_rng(0), pointing, 60.0, demo_array()["bkg"])
    >>> sorted(events)
    ['dec', 'energy', 'ra']
    """
    nodes = _grid(bkg.axes["energy"])
    if "offset" in bkg.axes.names:
        return _background_radial(rng, pointing, ontime, bkg, nodes, oversampling)
    return _background_field(rng, pointing, ontime, bkg, nodes)


def _background_radial(
    rng: np.random.Generator, pointing: SkyCoord, ontime: float, bkg: Any, nodes: np.ndarray, oversampling: int
) -> dict[str, np.ndarray]:
    edges = bkg.axes["offset"].edges.to_value("rad")
    edges = np.interp(np.arange(oversampling * (len(edges) - 1) + 1) / oversampling, np.arange(len(edges)), edges)
    solid_angle = 2 * np.pi * -np.diff(np.cos(edges))
    center = 0.5 * (edges[1:] + edges[:-1])
    rate = bkg.evaluate(energy=nodes[:, None] * u.TeV, offset=center[None, :] * u.rad).to_value("s-1 TeV-1 sr-1")
    density = (rate * solid_angle).T * ontime
    expected = segment_integrals(nodes, density)
    numbers = rng.poisson(expected.sum(axis=1))
    energy = np.concatenate([sample_power_law_segments(rng, nodes, d, n) for d, n in zip(density, numbers)])
    ring = np.repeat(np.arange(len(numbers)), numbers)
    low, high = np.cos(edges[ring]), np.cos(edges[ring + 1])
    offset = np.arccos(np.clip(low + rng.random(len(ring)) * (high - low), -1.0, 1.0))
    position = pointing.icrs.directional_offset_by(rng.random(len(ring)) * 2 * np.pi * u.rad, offset * u.rad)
    return {"energy": energy, "ra": position.ra.deg, "dec": position.dec.deg}


def _background_field(
    rng: np.random.Generator, pointing: SkyCoord, ontime: float, bkg: Any, nodes: np.ndarray
) -> dict[str, np.ndarray]:
    if bkg.fov_alignment != "RADEC":
        raise ValueError(f"the background is aligned to {bkg.fov_alignment}: only RADEC can be simulated")
    lon, lat = bkg.axes["fov_lon"], bkg.axes["fov_lat"]
    lat_edges, lon_edges = lat.edges.to_value("rad"), lon.edges.to_value("rad")
    solid_angle = np.diff(lon_edges)[:, None] * np.diff(np.sin(lat_edges))[None, :]
    rate = bkg.evaluate(
        energy=nodes[:, None, None] * u.TeV, fov_lon=lon.center[None, :, None], fov_lat=lat.center[None, None, :]
    ).to_value("s-1 TeV-1 sr-1")
    density = (rate * solid_angle * ontime).reshape(len(nodes), -1)
    expected = segment_integrals(nodes, density.T)
    numbers = rng.poisson(expected.sum(axis=1))
    cell = np.repeat(np.arange(len(numbers)), numbers)
    cumulative = np.concatenate([np.zeros((len(expected), 1)), np.cumsum(expected, axis=1)], axis=1)
    energy = np.exp(sample_rows(rng, np.log(nodes), cumulative, cell))
    i, j = np.unravel_index(cell, (lon.nbin, lat.nbin))
    x = lon_edges[i] + rng.random(len(cell)) * (lon_edges[i + 1] - lon_edges[i])
    y = lat_edges[j] + rng.random(len(cell)) * (lat_edges[j + 1] - lat_edges[j])
    frame = pointing.icrs.skyoffset_frame()
    position = SkyCoord(x * u.rad, y * u.rad, frame=frame).icrs
    return {"energy": energy, "ra": position.ra.deg, "dec": position.dec.deg}
