"""Maps of one observation: counts, exposure, background, responses, safe masks."""

import astropy.units as u
import numpy as np
import pytest
from synthetic_observation import ENERGY, ENERGY_TRUE, PSF_SIGMA, SOURCE, make_aeff, make_edisp, make_observation

from gjax.datasets import MapDataset
from gjax.errors import DataFormatError, MissingDataError
from gjax.irf import EDispKernelMap, EDispMap, PSFMap
from gjax.makers import MapDatasetMaker, SafeMaskMaker
from gjax.maps import Map, MapAxis, WcsGeom

GEOM = WcsGeom.create(skydir=SOURCE, npix=(50, 40), binsz=0.1, proj="TAN", axes=[ENERGY])


def empty(**kwargs):
    return MapDataset.create(GEOM, energy_axis_true=ENERGY_TRUE, binsz_irf="0.5 deg", name="run", **kwargs)


def made(observation=None, maker=None, **kwargs):
    return (maker or MapDatasetMaker()).run(empty(**kwargs), observation or make_observation())


# ---- what is made ----


def test_all_parts():
    observation = make_observation()
    dataset = made(observation)
    assert dataset.name == "run"
    assert dataset.mask_safe.data.all()
    assert dataset.livetime.to_value("s") == pytest.approx(1700)
    assert dataset.meta_table["OBS_ID"].tolist() == [1]
    assert dataset.meta_table["RA_PNT"].unit == u.deg
    # counts: every event in its pixel
    energy, position = observation.events.energy, observation.events.radec
    inside = GEOM.to_image().contains(position) & (energy >= ENERGY.edges[0]) & (energy < ENERGY.edges[-1])
    assert dataset.counts.data.sum() == inside.sum()
    # exposure: 1e5 m2 (E / TeV)^0.5 (1 - 0.2 offset) at the source
    y, x = 20, 25
    offset = GEOM.to_image().get_coord().skycoord[y, x].separation(observation.get_pointing_icrs()).deg
    expected = 1e5 * ENERGY_TRUE.center.value**0.5 * (1 - 0.2 * offset) * 1700
    np.testing.assert_allclose(dataset.exposure.data[:, y, x], expected, rtol=8e-3)  # the table is interpolated
    # background: 1e-6 (E / TeV)^-2.5 per s, MeV and sr for all the observation time
    edges = ENERGY.edges.value
    rate = 1.0 / 1.5 * (edges[:-1] ** -1.5 - edges[1:] ** -1.5)  # per TeV with 1e-6 per MeV
    expected = rate * 1800 * GEOM.solid_angle().value[y, x]
    np.testing.assert_allclose(dataset.background.data[:, y, x], expected, rtol=5e-3)
    radius = PSF_SIGMA * np.sqrt(-2 * np.log(0.32))
    np.testing.assert_allclose(dataset.psf.containment_radius(0.68, "1 TeV", SOURCE).value, radius, rtol=0.01)
    kernel = make_edisp().to_edisp_kernel("0.5 deg", energy_true=ENERGY_TRUE, energy=ENERGY)
    np.testing.assert_allclose(dataset.edisp.get_edisp_kernel(SOURCE).pdf_matrix, kernel.pdf_matrix, atol=1e-12)


def test_selection():
    dataset = made(make_observation(psf=None, edisp=None, bkg=None), MapDatasetMaker(selection=["counts", "exposure"]))
    assert dataset.background is None
    assert dataset.psf is None
    assert dataset.edisp is None
    assert dataset.counts.data.sum() > 0
    exposure_only = made(maker=MapDatasetMaker(selection=["exposure"]))
    assert exposure_only.counts.data.sum() == 0
    with pytest.raises(ValueError, match="unknown colour"):
        MapDatasetMaker(selection=["colour"])


def test_reference_is_not_changed():
    reference = empty()
    MapDatasetMaker().run(reference, make_observation())
    assert reference.counts.data.sum() == 0
    assert reference.exposure.data.sum() == 0


def test_migration_and_kernel_maps_agree():
    migra = MapAxis.from_bounds(0.2, 5, 240, name="migra")
    dataset = made(migra_axis=migra)
    assert isinstance(dataset.edisp, EDispMap)
    kernel = dataset.edisp.get_edisp_kernel(ENERGY, SOURCE).pdf_matrix
    np.testing.assert_allclose(kernel, made().edisp.get_edisp_kernel(SOURCE).pdf_matrix, atol=1e-12)


def test_psf_in_reconstructed_energy():
    dataset = made(reco_psf=True)
    assert dataset.psf.energy_name == "energy"
    radius = PSF_SIGMA * np.sqrt(-2 * np.log(0.32))
    np.testing.assert_allclose(dataset.psf.containment_radius(0.68, "1 TeV", SOURCE).value, radius, rtol=0.01)


def test_cutouts_hold_the_same_numbers():
    observation = make_observation()
    whole = made(observation)
    part = empty().cutout(SOURCE, "1 deg", name="part")
    dataset = MapDatasetMaker().run(part, observation)
    np.testing.assert_allclose(dataset.counts.data, whole.counts.data[:, 15:25, 20:30])
    np.testing.assert_allclose(dataset.background.data, whole.background.data[:, 15:25, 20:30], rtol=1e-12)
    np.testing.assert_allclose(dataset.exposure.data, whole.exposure.data[:, 15:25, 20:30], rtol=1e-12)


def test_responses_that_are_maps_of_the_sky():
    wide = WcsGeom.create(skydir=SOURCE, npix=(30, 30), binsz=0.4, proj="TAN")
    exposure = Map.from_geom(wide.to_cube([ENERGY_TRUE]), unit="cm2 s")
    exposure = exposure.copy(data=np.broadcast_to(np.arange(1.0, 13.0)[:, None, None], exposure.data.shape).copy())
    rate = Map.from_geom(wide.to_cube([ENERGY]), unit="TeV-1 sr-1 s-1") + 2.0
    rad = MapAxis.from_bounds(0, 0.66, 66, unit="deg", name="rad")
    psf = PSFMap.from_gauss(ENERGY_TRUE, rad, sigma="0.1 deg", geom=wide)
    edisp = EDispKernelMap.from_diagonal_response(ENERGY, ENERGY_TRUE, geom=wide)
    observation = make_observation(aeff=exposure, bkg=rate, psf=psf, edisp=edisp)
    dataset = made(observation)
    np.testing.assert_allclose(dataset.exposure.data[:, 3, 4], np.arange(1, 13) * 1e-4)
    width = np.diff(ENERGY.edges.value)[:, None, None]
    np.testing.assert_allclose(dataset.background.data, 2 * 1800 * width * GEOM.solid_angle().value, rtol=1e-9)
    assert dataset.psf.containment_radius(0.393469, "1 TeV", SOURCE).value == pytest.approx(0.1, rel=0.01)
    matrix = edisp.get_edisp_kernel().pdf_matrix
    np.testing.assert_allclose(dataset.edisp.get_edisp_kernel(SOURCE).pdf_matrix, matrix, atol=1e-12)
    with pytest.raises(ValueError, match="exposure is in 's'"):
        made(make_observation(aeff=exposure.copy(unit="s")))


# ---- what can go wrong ----


def test_missing_responses_and_geometries():
    with pytest.raises(MissingDataError, match="no response of type 'psf'"):
        made(make_observation(psf=None))
    with pytest.raises(ValueError, match="has no psf"):
        MapDatasetMaker().run(empty().copy(psf=None), make_observation())


def test_nan_in_the_effective_area():
    aeff = make_aeff()
    data = aeff.data.copy()
    data[5, 1] = np.nan
    with pytest.raises(DataFormatError, match="NaN"):
        made(make_observation(aeff=aeff.copy(data=data)))


def test_energies_that_are_not_covered():
    low = MapAxis.from_energy_bounds("1 keV", "1 MeV", 3, name="energy_true")
    dataset = MapDataset.create(GEOM, energy_axis_true=low)
    with pytest.raises(ValueError, match=r"covers 0\.05 to 200 TeV"):
        MapDatasetMaker().run(dataset, make_observation())


def test_impossible_oversampling():
    with pytest.raises(ValueError, match="background_oversampling"):
        MapDatasetMaker(background_oversampling=0)


# ---- safe masks ----


def safe(dataset, observation, *methods, **kwargs):
    return SafeMaskMaker(methods=methods, **kwargs).run(dataset, observation).mask_safe.data


def test_offset_per_pixel():
    observation = make_observation()
    mask = safe(made(observation), observation, "offset-max", offset_max="1 deg")
    offset = GEOM.separation(observation.get_pointing_icrs()).to_value("deg")
    np.testing.assert_array_equal(mask, np.broadcast_to(offset < 1, mask.shape))
    assert 0 < mask.mean() < 1


def test_energy_range_of_the_response():
    observation = make_observation(aeff=make_aeff(meta={"LO_THRES": 1.0, "HI_THRES": 20.0}))
    mask = safe(made(observation), observation, "aeff-default")
    edges = ENERGY.edges.value
    np.testing.assert_array_equal(mask.all(axis=(1, 2)), (edges[:-1] >= 1) & (edges[1:] <= 20))
    np.testing.assert_array_equal(mask.all(axis=(1, 2)), mask.any(axis=(1, 2)))


def test_effective_area_and_bias():
    observation = make_observation()
    dataset = made(observation)
    # effective area proportional to E^0.5: 30 % of its value in the last bin (75 TeV) is reached at 6.75 TeV
    mask = safe(dataset, observation, "aeff-max", aeff_percent=30)
    threshold = 0.09 * ENERGY_TRUE.center.value[-1]
    np.testing.assert_array_equal(mask[:, 0, 0], ENERGY.edges.value[:-1] >= threshold)
    at_offset = safe(dataset, observation, "aeff-max", aeff_percent=30, fixed_offset="1 deg")
    np.testing.assert_array_equal(at_offset, mask)  # the dependence on energy is the same everywhere
    biased = safe(dataset, observation, "edisp-bias", bias_percent=5)
    first = int(np.argmax(biased[:, 0, 0]))
    kernel = dataset.edisp.get_edisp_kernel(GEOM.center_skydir)
    assert ENERGY.edges[first] >= kernel.get_bias_energy(0.05)[0] > ENERGY.edges[max(first - 1, 0)] * (first > 0)


def test_background_peak_and_invalid_background():
    observation = make_observation()
    dataset = made(observation)
    data = dataset.background.data.copy()
    data[0] *= 1e-3
    data[:, 3, 4] = 0.0
    mask = safe(dataset.copy(background=dataset.background.copy(data=data)), observation, "bkg-peak")
    assert not mask[0].any()
    assert not mask[:, 3, 4].any()
    assert mask[1:].sum() == 5 * (50 * 40 - 1)


def test_thresholds_of_the_responses_on_their_own_axes():
    observation = make_observation()
    dataset = made(observation)
    mask = safe(dataset, observation, "aeff-max", aeff_percent=30, irfs="DL3")
    aeff = observation.aeff
    edges = aeff.axes["energy_true"].edges
    values = aeff.evaluate(energy_true=edges, offset=0 * u.deg)
    threshold = edges[np.argmax(values > 0.3 * values.max())]
    np.testing.assert_array_equal(mask[:, 0, 0], ENERGY.edges[:-1] >= threshold)
    kernel = observation.edisp.to_edisp_kernel(1 * u.deg)
    biased = safe(dataset, observation, "edisp-bias", bias_percent=5, fixed_offset="1 deg", irfs="DL3")
    np.testing.assert_array_equal(biased[:, 0, 0], ENERGY.edges[:-1] >= kernel.get_bias_energy(0.05)[0])
    assert safe(dataset, observation, "bkg-peak", irfs="DL3").all()  # the rate falls from the first bin on
    with pytest.raises(ValueError, match="need an observation"):
        safe(dataset, None, "bkg-peak", irfs="DL3")
    with pytest.raises(ValueError, match="irfs is 'DL5'"):
        SafeMaskMaker(irfs="DL5")
