"""Spectra of real observations against the reference analysis (numbers in reference_spectra.json)."""

import json
import pickle
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion, PointSkyRegion

from gjax.data import DataStore, Observation
from gjax.datasets import SpectrumDataset
from gjax.irf import load_irf_dict_from_file
from gjax.makers import (
    DatasetsMaker,
    ExclusionMask,
    ReflectedRegionsBackgroundMaker,
    SafeMaskMaker,
    SpectrumDatasetMaker,
    WobbleRegionsFinder,
)
from gjax.maps import MapAxis, RegionGeom

pytestmark = pytest.mark.data

REFERENCE = json.loads((Path(__file__).parent / "reference_spectra.json").read_text())
CRAB = SkyCoord(83.63, 22.01, unit="deg")
EXCLUDED = CircleSkyRegion(SkyCoord(183.604, -8.708, unit="deg", frame="galactic"), 0.5 * u.deg)


def empty_dataset(region, energy, energy_true):
    return SpectrumDataset.create(RegionGeom.create(region, axes=[energy]), energy_axis_true=energy_true, name="empty")


def assert_like_reference(dataset, expected):
    assert dataset.name == str(expected["obs_id"])
    np.testing.assert_array_equal(dataset.counts.data.ravel(), expected["counts"])
    np.testing.assert_array_equal(dataset.counts_off.data.ravel(), expected["counts_off"])
    assert (dataset.acceptance.data == 1).all()
    assert (dataset.acceptance_off.data == expected["acceptance_off"]).all()
    mask = dataset.mask_safe.data.ravel()
    assert (np.argmax(mask), mask.sum()) == (expected["first_safe"], expected["n_safe"])
    np.testing.assert_allclose(dataset.exposure.to_unit("m2 s").data.ravel(), expected["exposure"], rtol=1e-8)
    matrix = dataset.edisp.pdf_matrix
    np.testing.assert_allclose(matrix.sum(axis=1), expected["edisp_sum_over_reco"], rtol=1e-7)
    np.testing.assert_allclose(matrix.sum(axis=0), expected["edisp_sum_over_true"], rtol=1e-7)
    np.testing.assert_allclose(matrix[expected["edisp_row_index"]], expected["edisp_row"], rtol=1e-7)


@pytest.fixture(scope="module")
def hess(gammapy_data):
    return DataStore.from_dir(gammapy_data / "hess-dl3-dr1").get_observations([23523, 23526, 23559, 23592])


@pytest.fixture(scope="module")
def hess_axes():
    return (
        MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=10, per_decade=True),
        MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=20, per_decade=True, name="energy_true"),
    )


def hess_makers(exclusion=EXCLUDED):
    return [
        SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"], containment_correction=True),
        ReflectedRegionsBackgroundMaker(exclusion_mask=exclusion),
        SafeMaskMaker(methods=["aeff-max"], aeff_percent=10),
    ]


@pytest.mark.parametrize("exclusion", ["region", "image"])
def test_hess_spectra(hess, hess_axes, exclusion):
    mask = EXCLUDED if exclusion == "region" else ExclusionMask.from_regions(EXCLUDED, center=CRAB, width="7.5 deg")
    empty = empty_dataset(CircleSkyRegion(CRAB, 0.11 * u.deg), *hess_axes)
    datasets = DatasetsMaker(hess_makers(mask)).run(empty, hess)
    for dataset, expected in zip(datasets, REFERENCE["hess"], strict=True):
        assert_like_reference(dataset, expected)
        assert dataset.livetime.to_value("s") == pytest.approx(1578.5, abs=7)


def test_region_in_galactic_coordinates(hess, hess_axes):
    """The frame decides how the search grid lies, not what is counted in the ON region."""
    empty = empty_dataset(CircleSkyRegion(CRAB.galactic, 0.11 * u.deg), *hess_axes)
    for dataset, expected in zip(DatasetsMaker(hess_makers()).run(empty, hess), REFERENCE["hess"], strict=True):
        np.testing.assert_array_equal(dataset.counts.data.ravel(), expected["counts"])
        assert dataset.acceptance_off.data.ravel()[0] == pytest.approx(expected["acceptance_off"], abs=2)
        off, number = dataset.counts_off.data.sum(), dataset.acceptance_off.data.ravel()[0]
        rate, error = np.sum(expected["counts_off"]) / expected["acceptance_off"], np.sqrt(off) / number
        assert abs(off / number - rate) < 3 * error


def test_datasets_can_be_sent_to_other_processes(hess, hess_axes):
    empty = empty_dataset(CircleSkyRegion(CRAB, 0.11 * u.deg), *hess_axes)
    (dataset,) = DatasetsMaker(hess_makers()).run(empty, hess[:1])
    copy = pickle.loads(pickle.dumps(dataset))
    assert_like_reference(copy, REFERENCE["hess"][0])
    assert copy.counts_off.geom == dataset.counts_off.geom


def test_stacked_hess_spectrum(hess, hess_axes):
    empty = empty_dataset(CircleSkyRegion(CRAB, 0.11 * u.deg), *hess_axes)
    (stacked,) = DatasetsMaker(hess_makers(), stack_datasets=True).run(empty, hess)
    expected = sum(np.sum(run["counts"][run["first_safe"] :]) for run in REFERENCE["hess"])
    assert stacked.counts.data.sum() == expected


def test_magic_spectra(gammapy_data):
    files = sorted((gammapy_data / "magic/rad_max/data").glob("*_DL3_*.fits"))
    observations = DataStore.from_events_files(files).get_observations(required_irf="point-like")
    energy = MapAxis.from_energy_bounds(50, 1e5, nbin=5, per_decade=True, unit="GeV")
    energy_true = MapAxis.from_energy_bounds(10, 1e5, nbin=10, per_decade=True, unit="GeV", name="energy_true")
    makers = [
        SpectrumDatasetMaker(),
        ReflectedRegionsBackgroundMaker(region_finder=WobbleRegionsFinder(n_off_regions=3)),
        SafeMaskMaker(methods=["aeff-default"]),
    ]
    datasets = DatasetsMaker(makers).run(empty_dataset(PointSkyRegion(CRAB), energy, energy_true), observations)
    for dataset, expected in zip(datasets, REFERENCE["magic"], strict=True):
        assert_like_reference(dataset, expected)
        fit = dataset.copy(mask_fit=dataset.energy_mask("80 GeV", "20 TeV"))
        assert fit.mask.data.sum() == 11


@pytest.mark.parametrize("obs_id", [23523, 23559])
def test_background_of_the_response(hess, hess_axes, obs_id):
    energy = MapAxis.from_energy_bounds("0.3 TeV", "40 TeV", nbin=10, per_decade=True)
    empty = empty_dataset(CircleSkyRegion(CRAB, 0.11 * u.deg), energy, hess_axes[1])
    (observation,) = [obs for obs in hess if obs.obs_id == obs_id]
    dataset = SpectrumDatasetMaker(selection=["background"]).run(empty, observation)
    np.testing.assert_allclose(dataset.background.data.ravel(), REFERENCE["background"][str(obs_id)], rtol=1e-6)


def test_exposure_averaged_over_the_region(hess, hess_axes):
    empty = empty_dataset(CircleSkyRegion(CRAB, 0.11 * u.deg), *hess_axes)
    (observation,) = [obs for obs in hess if obs.obs_id == 23559]
    dataset = SpectrumDatasetMaker(selection=["exposure"], use_region_center=False).run(empty, observation)
    expected = REFERENCE["averaged_exposure"]["23559"]
    np.testing.assert_allclose(dataset.exposure.data.ravel(), expected, rtol=1e-4)


def test_background_of_a_cta_simulation(gammapy_data, hess_axes):
    irfs = load_irf_dict_from_file(gammapy_data / "cta-1dc/caldb/data/cta/1dc/bcf/South_z20_50h/irf_file.fits")
    pointing = SkyCoord(0, 0.5, unit="deg", frame="galactic").icrs
    observation = Observation.create(pointing, livetime="1 h", irfs=irfs)
    region = CircleSkyRegion(SkyCoord(0.3, 0, unit="deg", frame="galactic"), 0.11 * u.deg)
    energy = MapAxis.from_energy_bounds("0.3 TeV", "40 TeV", nbin=10, per_decade=True)
    dataset = SpectrumDatasetMaker(selection=["background"]).run(
        empty_dataset(region, energy, hess_axes[1]), observation
    )
    np.testing.assert_allclose(dataset.background.data.ravel(), REFERENCE["background"]["cta"], rtol=1e-6)


def test_published_exclusion_mask(gammapy_data, hess, hess_axes):
    """A mask over the source takes away no more than the OFF regions next to it."""
    empty = empty_dataset(CircleSkyRegion(CRAB, 0.11 * u.deg), *hess_axes)
    path = gammapy_data / "joint-crab/exclusion/exclusion_mask_crab.fits.gz"
    free, masked = (DatasetsMaker(hess_makers(mask)).run(empty, hess) for mask in (None, path))
    for one, other in zip(free, masked, strict=True):
        assert other.acceptance_off.data.ravel()[0] <= one.acceptance_off.data.ravel()[0]
        assert other.acceptance_off.data.ravel()[0] >= 9
