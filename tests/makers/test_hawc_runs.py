"""A water Cherenkov array: responses are maps of the sky. Numbers made with Gammapy 2.1 by the same chain."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gjax.data import DataStore, HDUIndexTable, ObservationTable
from gjax.datasets import MapDataset
from gjax.errors import DataFormatError
from gjax.fits import open_fits
from gjax.irf import EDispKernelMap, RecoPSFMap, load_irf_hdu
from gjax.makers import MapDatasetMaker
from gjax.maps import WcsGeom, WcsNDMap

CRAB = SkyCoord(83.63, 22.01, unit="deg")


@pytest.mark.data
def test_reduction(gammapy_data):
    folder = gammapy_data / "hawc/crab_events_pass4"
    index = [
        cls.read(folder / f"{name}-index-table-NN-Crab.fits.gz", **options)
        for cls, name, options in ((HDUIndexTable, "hdu", {"hdu": 6}), (ObservationTable, "obs", {}))
    ]
    (observation,) = DataStore(*index).get_observations()
    assert isinstance(observation.aeff, WcsNDMap)
    assert isinstance(observation.edisp, EDispKernelMap)
    assert isinstance(observation.psf, RecoPSFMap)
    geom = WcsGeom.create(skydir=CRAB, width=6, binsz=0.05, axes=[observation.bkg.geom.axes["energy"]])
    true = observation.aeff.geom.axes["energy_true"]
    empty = MapDataset.create(geom, energy_axis_true=true, name="bin 6", reco_psf=True)
    dataset = MapDatasetMaker().run(empty, observation)
    np.testing.assert_array_equal(dataset.counts.data.sum(axis=(1, 2)), [0, 6, 412, 1235, 497, 91, 2, 0, 0, 0])
    per_transit = [0, 0.102977323, 7.52701722, 22.0349567, 9.13153176, 1.44201841, 0.020591337, 0, 0, 0]
    np.testing.assert_allclose(dataset.background.data.sum(axis=(1, 2)), per_transit, rtol=2e-6, atol=1e-12)
    assert dataset.exposure.quantity.sum().to_value("m2 s") == pytest.approx(18547206719979.6, rel=1e-9)
    radius = dataset.psf.containment_radius(0.68, energy=[3, 10] * u.TeV, position=CRAB).to_value("deg")
    np.testing.assert_allclose(radius, [0.18825, 0.20675], atol=3e-4)
    kernel = dataset.edisp.get_edisp_kernel(position=CRAB).pdf_matrix[70]
    np.testing.assert_allclose(kernel, [0, 0.0026, 0.5822, 0.414, 0.0017, 0, 0, 0, 0, 0], atol=1e-4)


@pytest.mark.data
def test_a_response_of_another_kind(gammapy_data):
    path = gammapy_data / "hawc/crab_events_pass4/irfs/PSFMap_Crab_fHitbin6NN.fits.gz"
    with open_fits(path) as hdus:
        assert isinstance(load_irf_hdu(hdus, "psf", "psf_map_reco", path), RecoPSFMap)
        with pytest.raises(DataFormatError, match=r"PSFMap_Crab.*'PSF'.*expected a psf_map, got a RecoPSFMap"):
            load_irf_hdu(hdus, "psf", "psf_map", path)
        with pytest.raises(DataFormatError, match=r"unknown response class 'psf_cube'; known are .*psf_map_reco"):
            load_irf_hdu(hdus, "psf", "psf_cube", path)
