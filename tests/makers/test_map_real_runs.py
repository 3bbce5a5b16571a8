"""Public runs reduced to maps, against Gammapy 2.1 on the same files."""

import json
import pathlib

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

from gjax.data import DataStore
from gjax.datasets import MapDataset, stack_map_datasets
from gjax.makers import FoVBackgroundMaker, MapDatasetMaker, SafeMaskMaker
from gjax.maps import MapAxis, WcsGeom

pytestmark = pytest.mark.data
REFERENCE = json.loads((pathlib.Path(__file__).parent / "reference_maps.json").read_text())
CRAB = SkyCoord(83.63, 22.01, unit="deg")
# Gammapy works in 32-bit numbers, and takes pixels for plane triangles
RTOL = 2e-6


@pytest.fixture(scope="module")
def crab(gammapy_data):
    energy = MapAxis.from_energy_bounds("0.5 TeV", "50 TeV", 16)
    true = MapAxis.from_energy_bounds("0.3 TeV", "100 TeV", 31, name="energy_true")
    geom = WcsGeom.create(skydir=CRAB, width=5, binsz=0.02, proj="TAN", axes=[energy])
    target = MapDataset.create(geom, energy_axis_true=true, name="stacked")
    exclusion = geom.to_image().region_mask([CircleSkyRegion(CRAB, 0.3 * u.deg)], inside=False)
    runs = []
    for observation in DataStore.from_dir(gammapy_data / "hess-dl3-dr1").get_observations(
        [run["obs_id"] for run in REFERENCE["crab"]["runs"]]
    ):
        cutout = target.cutout(observation.get_pointing_icrs(), width="5 deg", name=str(observation.obs_id))
        made = MapDatasetMaker().run(cutout, observation)
        safe = SafeMaskMaker(methods=["offset-max", "aeff-default"], offset_max="2.5 deg").run(made, observation)
        percent = SafeMaskMaker(methods=["offset-max", "aeff-max"], offset_max="2.5 deg").run(made, observation)
        background = FoVBackgroundMaker(method="fit", exclusion_mask=exclusion)
        runs.append((made, background.run(safe), background.run(percent)))
    return target, runs


def test_counts_and_masks_of_each_run(crab):
    for (made, safe, _), expected in zip(crab[1], REFERENCE["crab"]["runs"], strict=True):
        assert list(made.counts.geom.npix) == expected["cutout_npix_xy"]
        np.testing.assert_array_equal(made.counts.data.sum(axis=(1, 2)), expected["counts_per_ebin"])
        np.testing.assert_array_equal(safe.mask_safe.data.sum(axis=(1, 2)), expected["mask_safe_per_ebin"])
        assert safe.counts.data[safe.mask_safe.data].sum() == expected["counts_masked_sum"]


def test_exposure_and_background_of_each_run(crab):
    for (made, safe, _), expected in zip(crab[1], REFERENCE["crab"]["runs"], strict=True):
        assert made.exposure.data.sum() == pytest.approx(expected["exposure_sum_m2s"], rel=RTOL)
        _, y, x = made.exposure.geom.coord_to_idx({"skycoord": CRAB, "energy_true": 1 * u.TeV})[::-1]
        here = made.exposure.data[:, np.ravel(y)[0], np.ravel(x)[0]]
        np.testing.assert_allclose(here, expected["exposure_at_crab"], rtol=RTOL)
        assert made.background.data.sum() == pytest.approx(expected["background_sum_before_fov"], rel=RTOL)
        np.testing.assert_allclose(made.background.data.sum(axis=(1, 2)), expected["background_per_ebin"], rtol=RTOL)
        # Gammapy fits the norm, to its tolerance; the maximum is known in closed form
        assert safe.meta["bkg_norm"] == pytest.approx(expected["fov_norm"], rel=1e-4)
        assert safe.meta["bkg_norm_err"] == pytest.approx(expected["fov_norm_err"], rel=1e-3)


def test_stack_of_the_runs(crab):
    target, runs = crab
    stacked, expected = stack_map_datasets(target, [safe for _, safe, _ in runs]), REFERENCE["crab"]["stacked"]
    np.testing.assert_array_equal(stacked.counts.data.sum(axis=(1, 2)), expected["counts_per_ebin"])
    np.testing.assert_array_equal(stacked.mask_safe.data.sum(axis=(1, 2)), expected["mask_safe_per_ebin"])
    np.testing.assert_allclose(stacked.background.data.sum(axis=(1, 2)), expected["background_per_ebin"], rtol=5e-5)
    assert stacked.exposure.data.sum() == pytest.approx(expected["exposure_sum"], rel=RTOL)
    for name, (y, x) in expected["probe_pixels_yx"].items():
        np.testing.assert_allclose(stacked.exposure.data[:, y, x], expected[f"exposure_at_{name}"], rtol=RTOL)
        np.testing.assert_allclose(stacked.background.data[:, y, x], expected[f"background_at_{name}"], rtol=1e-4)
    for fraction in (0.5, 0.68, 0.95):
        given = expected[f"psf_r{fraction * 100:.0f}_deg_at_pos"]
        radius = stacked.psf.containment_radius(fraction, given["energy_TeV"] * u.TeV, CRAB).value
        # Gammapy rounds to 0.0005 deg
        np.testing.assert_allclose(radius, given["radius"], atol=2.6e-4)
    matrix = stacked.edisp.get_edisp_kernel(CRAB).pdf_matrix
    # not the first reconstructed bin: it is not safe in any run, and empty here; Gammapy interpolates its mask
    row = expected["edisp_row_mid_index"]
    np.testing.assert_allclose(matrix[row, 1:], expected["edisp_row_mid"][1:], rtol=1e-3, atol=1e-7)
    total = np.array(expected["edisp_sum_over_reco"])
    np.testing.assert_allclose(matrix.sum(axis=1)[13:], total[13:], rtol=1e-5)


def test_threshold_of_the_effective_area(crab):
    target, runs = crab
    expected = REFERENCE["crab"]["aeff_max"]
    norms = [percent.meta["bkg_norm"] for *_, percent in runs]
    np.testing.assert_allclose(norms, expected["fov_norms"], rtol=1e-3)
    stacked = stack_map_datasets(target, [percent for *_, percent in runs])
    np.testing.assert_array_equal(stacked.mask_safe.data.sum(axis=(1, 2)), expected["mask_safe_per_ebin"])
    assert stacked.counts.data.sum() == expected["counts_masked"]


def test_cta_runs_in_galactic_coordinates(gammapy_data):
    energy = MapAxis.from_energy_bounds("0.1 TeV", "10 TeV", 10)
    true = MapAxis.from_energy_bounds("0.08 TeV", "12 TeV", 14, name="energy_true")
    geom = WcsGeom.create(skydir=(0, 0), width=(10, 8), binsz=0.02, frame="galactic", axes=[energy])
    target = MapDataset.create(geom, energy_axis_true=true, name="stacked")
    runs = []
    observations = DataStore.from_dir(gammapy_data / "cta-1dc/index/gps").get_observations([110380, 111140, 111159])
    for observation, expected in zip(observations, REFERENCE["cta"]["runs"], strict=True):
        cutout = target.cutout(observation.get_pointing_icrs(), width="7 deg")
        dataset = MapDatasetMaker().run(cutout, observation)
        dataset = SafeMaskMaker(methods=["offset-max"]).run(dataset, observation)
        np.testing.assert_array_equal(dataset.counts.data.sum(axis=(1, 2)), expected["counts_per_ebin"])
        np.testing.assert_array_equal(dataset.mask_safe.data.sum(axis=(1, 2)), expected["mask_safe_per_ebin"])
        np.testing.assert_allclose(dataset.background.data.sum(axis=(1, 2)), expected["background_per_ebin"], rtol=RTOL)
        assert dataset.exposure.data.sum() == pytest.approx(expected["exposure_sum"], rel=RTOL)
        y, x = expected["probe_pixels_yx"]["center"]
        np.testing.assert_allclose(dataset.exposure.data[:, y, x], expected["exposure_at_center"], rtol=RTOL)
        np.testing.assert_allclose(dataset.background.data[:, y, x], expected["background_at_center"], rtol=RTOL)
        runs.append(dataset)
    stacked, expected = stack_map_datasets(target, runs), REFERENCE["cta"]["stacked"]
    np.testing.assert_array_equal(stacked.counts.data.sum(axis=(1, 2)), expected["counts_per_ebin"])
    np.testing.assert_allclose(stacked.background.data.sum(axis=(1, 2)), expected["background_per_ebin"], rtol=RTOL)
    given = expected["psf_r68_deg_at_pos"]
    radius = stacked.psf.containment_radius(0.68, given["energy_TeV"] * u.TeV, geom.center_skydir).value
    np.testing.assert_allclose(radius, given["radius"], atol=2.6e-4)
    matrix = stacked.edisp.get_edisp_kernel(geom.center_skydir).pdf_matrix
    np.testing.assert_allclose(matrix.sum(axis=1), expected["edisp_sum_over_reco"], rtol=1e-5)
    np.testing.assert_allclose(matrix[expected["edisp_row_mid_index"]], expected["edisp_row_mid"], rtol=1e-5, atol=1e-9)
