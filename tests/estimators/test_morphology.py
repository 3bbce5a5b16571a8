"""Bands of cubes with one shape or one each; whole tests of shapes are in the calibration."""

import numpy as np
import pytest
from astropy.table import QTable

import gjax
from gjax.errors import FitError
from gjax.estimators import EnergyDependentMorphology, EnergyDependentMorphologyEstimator
from gjax.estimators.morphology import bands_of_cubes, models_of_bands
from gjax.models import FoVBackgroundModel, GaussianSpatialModel, PointSpatialModel, PowerLawSpectralModel, SkyModel

EDGES = [1.0, 2.2, 10.0]


@pytest.fixture(scope="module")
def likelihood(make_cube):
    spectrum = PowerLawSpectralModel(index=2.2, amplitude="3e-10 cm-2 s-1 TeV-1")
    source = SkyModel(spectrum, GaussianSpatialModel("83.63 deg", "22.01 deg", sigma="0.1 deg"), name="crab")
    other = SkyModel(spectrum, PointSpatialModel("83.5 deg", "22.1 deg"), name="other", datasets_names=["cube"])
    return gjax.Likelihood(make_cube(), [source, other, FoVBackgroundModel("cube")])


def test_bands_hold_every_bin_once(likelihood):
    parts, axis = bands_of_cubes(likelihood.datasets, EDGES)
    assert [part.name for part in parts] == ["cube-0", "cube-1"]
    assert axis.nbin == 2
    masks = np.array([np.asarray(part.mask.data) for part in parts])
    np.testing.assert_array_equal(masks.sum(axis=0), np.asarray(likelihood.datasets[0].mask.data))
    assert masks[0][0].all()
    assert masks[1][1:].all()


@pytest.mark.parametrize("is_shared", [True, False])
def test_models_say_the_same_as_before(likelihood, is_shared):
    parts, _ = bands_of_cubes(likelihood.datasets, EDGES)
    models = models_of_bands(likelihood, "crab", 2, is_shared=is_shared)
    banded = gjax.Likelihood(parts, models)
    if not is_shared:
        assert banded.stat_sum() == pytest.approx(likelihood.stat_sum(), rel=1e-9)
    shape = ["lon_0", "lat_0", "sigma"]
    expected = {f"crab-0.spatial.{name}" for name in shape} | {"crab-0.spectral.norm", "crab-1.spectral.norm"}
    expected |= {"cube-bkg-0.spectral.norm", "cube-bkg-1.spectral.norm"}
    if not is_shared:
        expected |= {f"crab-1.spatial.{name}" for name in shape}
    assert set(banded.free_names) == expected


def test_numbers_of_a_result():
    table = QTable({"norm": [1.0, 1.0, 1.0], "sigma": [1.0, 2.0, 4.0], "sigma_err": [1.0, 0.5, np.nan]})
    found = EnergyDependentMorphology(9.0, 1, table, None, None)
    assert found.significance == pytest.approx(3)
    assert found.p_value == pytest.approx(0.0027, rel=1e-3)
    assert found.chi2("sigma") == (pytest.approx(0.64 + 4 * 0.04), 1)
    assert "delta TS 9.00" in repr(found)
    with pytest.raises(KeyError, match="no free parameter"):
        found.chi2("lon_0")


def test_bad_input(likelihood, simulate_on_off):
    with pytest.raises(ValueError, match="at least two bands"):
        EnergyDependentMorphologyEstimator([1, 10])
    with pytest.raises(FitError, match="say which one"):
        EnergyDependentMorphologyEstimator(EDGES).run(likelihood)
    estimator = EnergyDependentMorphologyEstimator(EDGES, source="crab")
    with pytest.raises(FitError, match="no parameter of its shape is free"):
        estimator.run(likelihood.freeze("crab.spatial.*"))
    spectrum = PowerLawSpectralModel()
    with pytest.raises(FitError, match="has no shape"):
        estimator.run(gjax.Likelihood(simulate_on_off(), SkyModel(spectrum, name="crab")))
    shaped = SkyModel(spectrum, PointSpatialModel("83.63 deg", "22.01 deg"), name="crab")
    with pytest.raises(FitError, match="expected maps"):
        estimator.run(gjax.Likelihood(simulate_on_off(), shaped))
    with pytest.raises(KeyError):
        EnergyDependentMorphologyEstimator(EDGES, source="vela").run(likelihood)
