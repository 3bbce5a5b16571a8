"""A small observation with known responses and random events, for the tests of the makers."""

import astropy.units as u
import numpy as np
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.table import Table
from astropy.time import Time

from gjax.data import EventList, Observation
from gjax.datasets import SpectrumDataset
from gjax.irf import Background2D, EffectiveAreaTable2D, EnergyDependentMultiGaussPSF, EnergyDispersion2D, RadMax2D
from gjax.maps import MapAxis, RegionGeom

SOURCE = SkyCoord(83.63, 22.01, unit="deg")
POINTING = SkyCoord(83.63, 22.51, unit="deg")
ENERGY = MapAxis.from_energy_bounds("0.3 TeV", "30 TeV", 6)
ENERGY_TRUE = MapAxis.from_energy_bounds("0.1 TeV", "100 TeV", 12, name="energy_true")
IRF_ENERGY = MapAxis.from_energy_bounds("0.05 TeV", "200 TeV", 20, name="energy_true")
OFFSET = MapAxis.from_edges([0, 1, 2, 3], unit="deg", name="offset")
PSF_SIGMA = 0.06


def make_observation(obs_id=1, pointing=POINTING, n_source=300, n_background=4000, seed=0, **responses):
    """Half an hour on the source, with all responses; those given (None among them) replace the defaults."""
    made = {"aeff": make_aeff(), "edisp": make_edisp(), "psf": make_psf(), "bkg": make_bkg(), **responses}
    return Observation.create(
        pointing,
        livetime="1800 s",
        deadtime_fraction=1 / 18,
        reference_time=Time("2020-01-01T20:00:00", scale="tt"),
        location=EarthLocation.from_geodetic(16.5 * u.deg, -23.3 * u.deg, 1835 * u.m),
        obs_id=obs_id,
        events=make_events(pointing, n_source, n_background, seed),
        irfs={name: response for name, response in made.items() if response is not None},
    )


def make_events(pointing, n_source, n_background, seed):
    rng = np.random.default_rng(seed)
    total = n_source + n_background
    angle = rng.uniform(0, 360, total) * u.deg
    distance = np.append(rng.rayleigh(PSF_SIGMA, n_source), 2.5 * np.sqrt(rng.uniform(size=n_background)))
    lon = np.append(np.full(n_source, SOURCE.ra.deg), np.full(n_background, pointing.ra.deg))
    lat = np.append(np.full(n_source, SOURCE.dec.deg), np.full(n_background, pointing.dec.deg))
    radec = SkyCoord(lon, lat, unit="deg").directional_offset_by(angle, distance * u.deg)
    table = Table()
    table["TIME"] = np.sort(rng.uniform(0, 1800, total)) * u.s
    table["RA"], table["DEC"] = radec.ra.deg * u.deg, radec.dec.deg * u.deg
    table["ENERGY"] = (0.2 * rng.uniform(size=total) ** (-1 / 1.5)) * u.TeV
    table.meta = {
        "MJDREFI": 58849,
        "MJDREFF": 20 / 24,
        "TIMESYS": "TT",
        "RA_PNT": pointing.ra.deg,
        "DEC_PNT": pointing.dec.deg,
    }
    return EventList(table)


def make_aeff(is_pointlike=False, meta=None, offset_slope=0.2):
    """1e5 m2 (E / TeV)^0.5 on the axis, less by a part per degree of offset."""
    energy, offset = IRF_ENERGY.center.value, OFFSET.center.value
    data = 1e5 * energy[:, np.newaxis] ** 0.5 * (1 - offset_slope * offset)
    return EffectiveAreaTable2D([IRF_ENERGY, OFFSET], data, "m2", meta=meta, is_pointlike=is_pointlike)


def make_edisp(sigma=0.15, bias=0.0):
    migra = MapAxis.from_bounds(0.2, 5, 240, name="migra")
    return EnergyDispersion2D.from_gauss(IRF_ENERGY, migra, OFFSET, bias=bias, sigma=sigma)


def make_psf():
    one = {"scale": 1, "sigma_1": PSF_SIGMA, "sigma_2": 0.0, "sigma_3": 0.0, "ampl_2": 0.0, "ampl_3": 0.0}
    return EnergyDependentMultiGaussPSF([IRF_ENERGY, OFFSET], one, {"sigma_1": "deg"})


def make_bkg():
    """Rate 1e-6 (E / TeV)^-2.5 per s, MeV and sr, the same everywhere."""
    axis = IRF_ENERGY.copy(name="energy")
    data = np.repeat(1e-6 * axis.center.value[:, np.newaxis] ** -2.5, OFFSET.nbin, axis=1)
    return Background2D([axis, OFFSET], data, "s-1 MeV-1 sr-1")


def make_rad_max(values=(0.2, 0.1, 0.1)):
    energy = MapAxis.from_energy_edges([0.1, 1, 10, 100] * u.TeV)
    return RadMax2D([energy, MapAxis.from_edges([0, 3], unit="deg", name="offset")], np.reshape(values, (3, 1)), "deg")


def empty_dataset(region=None, name="empty", energy_true=ENERGY_TRUE, energy=ENERGY):
    region = "icrs;circle(83.63, 22.01, 0.11)" if region is None else region
    return SpectrumDataset.create(RegionGeom.create(region, axes=[energy]), energy_axis_true=energy_true, name=name)
