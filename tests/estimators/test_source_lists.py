"""Tables of sources to models, and fits to catalogs."""

from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table

import gjax
from gjax.errors import DataFormatError
from gjax.estimators import find_peaks, models_from_table, source_table
from gjax.maps import Map
from gjax.models import (
    ConstantSpatialModel,
    ExpCutoffPowerLawSpectralModel,
    GaussianSpatialModel,
    Models,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
)


def test_peaks_become_sources():
    image = Map.create(npix=9, binsz=0.1, skydir=(83.63, 22.01))
    data = image.data.copy()
    data[2, 3], data[7, 6] = 9.0, 6.0
    peaks = find_peaks(image.copy(data=data), threshold=5)
    models = models_from_table(peaks, first=4)
    assert models.names == ["source-4", "source-5"]
    for model, row in zip(models, peaks):
        assert model.spatial_model.position.separation(SkyCoord(row["ra"], row["dec"])) < 1e-6 * u.deg
        assert model.spatial_model.lat_0.max - model.spatial_model.lat_0.min == pytest.approx(1.0)
    # nothing is linked
    assert len(Models(models).parameter_table.names) == 2 * 5


def test_names_norms_shapes_and_frames():
    table = Table({"ra": [83.6, 266.4], "dec": [22.0, -29.0], "norm": [2.0, -1.0], "name": ["crab", "centre"]})
    spectrum = ExpCutoffPowerLawSpectralModel(amplitude="3e-12 cm-2 s-1 TeV-1")
    shape = GaussianSpatialModel(sigma="0.1 deg", frame="galactic")
    crab, centre = models_from_table(table, spectrum, shape)
    assert (crab.name, centre.name) == ("crab", "centre")
    assert crab.spectral_model.amplitude.value == pytest.approx(6e-12, rel=1e-9, abs=0)
    # a deficit is no amplitude to start from
    assert centre.spectral_model.amplitude.value == pytest.approx(3e-12, rel=1e-9, abs=0)
    assert abs(centre.spatial_model.lon_0.value - 359.9) < 0.1
    assert centre.spatial_model.position.icrs.separation(SkyCoord(266.4, -29, unit="deg")) < 1e-6 * u.deg
    assert crab.spatial_model.sigma is not centre.spatial_model.sigma
    assert len(models_from_table(table[:0])) == 0


@pytest.mark.parametrize(
    ("columns", "shape", "message"),
    [
        ({"ra": [1.0]}, None, "no column dec"),
        ({"ra": [np.nan], "dec": [1.0]}, None, "not finite"),
        ({"ra": [1.0], "dec": [1.0]}, ConstantSpatialModel(), "has no position"),
    ],
)
def test_tables_that_hold_no_sources(columns, shape, message):
    with pytest.raises(DataFormatError, match=message):
        models_from_table(QTable(columns), None, shape)


def test_a_fit_becomes_a_catalog(simulate_on_off, tmp_path):
    spectrum = PowerLawSpectralModel(index=2.3, amplitude="3e-11 cm-2 s-1 TeV-1")
    position = PointSpatialModel("83.63 deg", "22.01 deg")
    source = Models([SkyModel(spectrum, position, name="crab")]).freeze("*.lon_0", "*.lat_0")[0]
    result = gjax.Likelihood(simulate_on_off(), source).fit()
    table = source_table(result)
    assert len(table) == 1
    assert table["name"][0] == "crab"
    for name in ("index", "amplitude"):
        value, error = result[name]
        assert u.Quantity(table[name]).value[0] == pytest.approx(value, rel=1e-9, abs=0)
        assert u.Quantity(table[f"{name}_err"]).value[0] == pytest.approx(error, rel=1e-9, abs=0)
    flux, error = result.flux("crab", 1 * u.TeV, 10 * u.TeV)
    assert table["flux"][0].to_value("cm-2 s-1") == pytest.approx(flux.value, rel=1e-9, abs=0)
    assert table["flux_err"][0].to_value("cm-2 s-1") == pytest.approx(error.value, rel=1e-9, abs=0)
    null = result.likelihood.with_values({"crab.spectral.amplitude": 0.0}).stat_sum()
    assert table["ts"][0] == pytest.approx(null - result.total_stat)
    table.write(tmp_path / "catalog.ecsv")
    assert models_from_table(QTable.read(tmp_path / "catalog.ecsv")).names == ["crab"]
    with pytest.raises(ValueError, match="no source with a position"):
        source_table(SimpleNamespace(models=Models(SkyModel(spectrum, name="crab"))))
