"""Fluxes that would just be seen, per band and position, beside counts-based sensitivities."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion
from small_cubes import cube

from gjax.data import Observation
from gjax.datasets import SpectrumDataset, SpectrumDatasetOnOff
from gjax.estimators import SensitivityEstimator
from gjax.forecast import _sensitivity_map as module
from gjax.forecast import sensitivity_map
from gjax.freeze import Likelihood
from gjax.irf import load_irf_dict_from_file
from gjax.makers import SpectrumDatasetMaker
from gjax.maps import MapAxis, RegionGeom, WcsGeom
from gjax.models import FoVBackgroundModel, PointSpatialModel, PowerLawSpectralModel, SkyModel
from gjax.parameters import Parameter

PROD5 = "cta-caldb/Prod5-South-20deg-AverageAz-14MSTs37SSTs.180000s-v0.1.fits.gz"


def power_law(amplitude="1e-12 cm-2 s-1 TeV-1"):
    return PowerLawSpectralModel(index=Parameter(2.0, frozen=True), amplitude=amplitude)


@pytest.mark.data
def test_cta_in_fifty_hours(gammapy_data):
    """Where counts are many both methods agree; where off counts are few, Li & Ma ask for more."""
    irfs = load_irf_dict_from_file(gammapy_data / PROD5)
    energy = MapAxis.from_energy_bounds("0.03 TeV", "30 TeV", nbin=12)
    true = MapAxis.from_energy_bounds("0.01 TeV", "100 TeV", nbin=60, name="energy_true")
    pointing = SkyCoord(0, 0, unit="deg")
    region = CircleSkyRegion(pointing.directional_offset_by(0 * u.deg, 0.5 * u.deg), 0.1 * u.deg)
    empty = SpectrumDataset.create(RegionGeom.create(region, axes=[energy]), energy_axis_true=true, name="cta")
    observation = Observation.create(pointing=pointing, livetime="50 h", irfs=irfs)
    dataset = SpectrumDatasetMaker(selection=["exposure", "edisp", "background"]).run(empty, observation)
    measured = SpectrumDatasetOnOff.from_spectrum_dataset(dataset, acceptance=1, acceptance_off=5)
    curve = Likelihood(measured, SkyModel(power_law(), name="source")).forecast().sensitivity("amplitude")
    counted = SensitivityEstimator(power_law(), gamma_min=0, bkg_syst_fraction=0).run(measured)
    np.testing.assert_allclose(curve["e_ref"].value, counted["e_ref"].value, rtol=1e-9)
    ratio = (curve["e2dnde"] / counted["e2dnde"]).to_value("")
    background = counted["background"].value
    np.testing.assert_allclose(ratio[background > 1000], 1, atol=0.012)
    np.testing.assert_allclose(ratio[background > 20], 1, atol=0.08)
    assert np.all(ratio < 1)
    # off counts count as background, with their own uncertainty
    np.testing.assert_allclose(curve["background"].value, 1.2 * background, rtol=1e-3)
    assert np.all(curve["e2dnde_ul"] < 0.6 * curve["e2dnde"])


def test_bands_of_a_counting_experiment(counting, flat):
    """In every band the numbers of a forecast with that band alone; bands without bins are empty."""
    dataset = counting(signal=(8.0, 4.0, 2.0, 1.0), background=(9.0, 5.0, 3.0, 2.0))
    forecast = Likelihood(dataset, flat()).forecast()
    table = forecast.sensitivity("amplitude", [1, np.sqrt(10), 10, 100] * u.TeV, n_sigma=3)
    mask = np.array([True, True, False, False]).reshape(dataset.counts.data.shape)
    alone = Likelihood(dataset.copy(mask_fit=mask), flat()).forecast()
    reach, limit = alone.discovery_reach("amplitude", n_sigma=3), alone.upper_limit("amplitude")
    factor = (1e-12 * table["e_ref"][0].value ** 2 * u.Unit("TeV cm-2 s-1")).to_value("erg cm-2 s-1")
    assert table["e2dnde"][0].value == pytest.approx(reach / 1e-12 * factor, rel=1e-6)
    assert table["e2dnde_ul"][0].value == pytest.approx(limit / 1e-12 * factor, rel=1e-6)
    assert np.isnan(table["e2dnde"][2])
    assert table.meta == {"n_sigma": 3, "confidence": 0.95}
    assert len(forecast.sensitivity("amplitude")) == 4


def test_a_map_is_a_forecast_at_every_position(monkeypatch, caplog):
    dataset = cube("cube")
    models = [
        SkyModel(power_law("2e-11 cm-2 s-1 TeV-1"), _at(dataset, 10, 10), name="bright"),
        FoVBackgroundModel.for_datasets(["cube"]),
    ]
    likelihood = Likelihood(dataset, models)
    image = dataset.counts.geom.to_image()
    coarse = WcsGeom.create(skydir=image.center_skydir, npix=(4, 3), binsz=0.3, proj="TAN")
    maps = sensitivity_map(likelihood.forecast(), coarse)
    assert maps["discovery"].data.shape == (3, 4)
    sky = coarse.get_coord().skycoord
    extra = SkyModel(power_law(), PointSpatialModel(*_fixed(sky[1, 2])), name="extra")
    direct = Likelihood(dataset, [*models, extra]).forecast()
    norm = "extra.spectral.amplitude"
    assert maps["discovery"].data[1, 2] == pytest.approx(direct.discovery_reach(norm) * 1e12, rel=1e-4)
    assert maps["upper_limit"].data[1, 2] == pytest.approx(direct.upper_limit(norm) * 1e12, rel=1e-4)
    # near the bright source it is harder
    assert maps["discovery"].data[1, 1:3].min() > 1.2 * maps["discovery"].data[0, 0]
    with pytest.raises(ValueError, match="expected an image"):
        sensitivity_map(likelihood.forecast(), dataset.counts.geom)

    # Ctrl-C keeps what is done
    real, calls = module.point_source_counts, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(module, "CHUNK", 8)
    monkeypatch.setattr(module, "point_source_counts", interrupted)
    part = sensitivity_map(likelihood.forecast(), coarse)
    assert "8 of 12 positions are done" in caplog.text
    np.testing.assert_allclose(part["discovery"].data[:2], maps["discovery"].data[:2], rtol=1e-6)
    assert np.isnan(part["discovery"].data[2]).all()


def _fixed(sky):
    return [Parameter(value, "deg", frozen=True) for value in (sky.icrs.ra.deg, sky.icrs.dec.deg)]


def _at(dataset, x, y):
    return PointSpatialModel(*_fixed(dataset.counts.geom.to_image().get_coord().skycoord[y, x]))


def test_impossible(counting, flat):
    forecast = Likelihood(counting(background=3.0), flat()).forecast()
    with pytest.raises(ValueError, match="energy_edges"):
        forecast.sensitivity("amplitude", [10, 1] * u.TeV)
    with pytest.raises(ValueError, match="n_sigma"):
        forecast.sensitivity("amplitude", n_sigma=-1)
    with pytest.raises(ValueError, match="confidence"):
        forecast.sensitivity("amplitude", confidence=95)
    with pytest.raises(ValueError, match="needs map datasets"):
        sensitivity_map(forecast, WcsGeom.create(npix=2))
    none = forecast.likelihood.with_values({"source.spectral.amplitude": 0.0}).forecast()
    with pytest.raises(ValueError, match="give the source a flux"):
        none.sensitivity("amplitude")
