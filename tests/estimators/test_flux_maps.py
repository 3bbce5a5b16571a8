"""The container of flux maps: conventions, derived quantities, points, files of both packages."""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from gjax.data import GTI
from gjax.errors import DataFormatError, MissingDataError
from gjax.estimators import FluxMaps
from gjax.maps import Map, MapAxis
from gjax.models import PowerLawSpectralModel, SkyModel

AXIS = MapAxis.from_energy_edges([1, 10, 100] * u.TeV)


@pytest.fixture
def maps():
    norm = Map.create(npix=(4, 3), binsz=1, axes=[AXIS], skydir=(83, 22))
    values = np.arange(24.0).reshape(2, 3, 4) - 2
    model = SkyModel(PowerLawSpectralModel(index=2.0, amplitude="1e-12 cm-2 s-1 TeV-1"), name="reference")
    given = {
        "norm": norm.copy(data=values),
        "norm_err": norm + 0.5,
        "norm_ul": norm.copy(data=values + 3),
        "ts": norm.copy(data=values**2),
        "npred": norm + 7,
        "npred_excess": norm + 4,
        "success": norm.copy(data=values > 0),
    }
    return FluxMaps(given, model, GTI.create("0 s", "1 h"), {"n_sigma": 1.0, "n_sigma_ul": 2.0})


def test_conventions(maps):
    assert maps.dnde.quantity[0, 2, 3].to_value("cm-2 s-1 TeV-1") == pytest.approx(9 * 1e-13)
    assert maps.flux.quantity[0, 2, 3].to_value("cm-2 s-1") == pytest.approx(9 * 9e-13)
    assert maps.eflux.quantity[0, 2, 3].to_value("TeV cm-2 s-1") == pytest.approx(9e-12 * np.log(10))
    assert maps.e2dnde.quantity[1, 0, 0].to_value("TeV cm-2 s-1") == pytest.approx(10e-12)
    assert maps.flux_err.quantity[1, 0, 0].to_value("cm-2 s-1") == pytest.approx(0.5 * 9e-14)
    assert maps["flux_ul"].data.shape == (2, 3, 4)


def test_derived_quantities(maps):
    np.testing.assert_array_equal(maps.sqrt_ts.data, maps.norm.data)
    np.testing.assert_array_equal(maps["npred_background"].data, 3)
    np.testing.assert_array_equal(maps["is_ul"].data, maps.norm.data < 2)
    with pytest.raises(AttributeError, match="norm_errn"):
        maps.flux_errn
    with pytest.raises(KeyError, match="there is no map 'nothing'"):
        maps["nothing"]
    assert "4 x 3 pixels, 2 energy bands" in repr(maps)


def test_another_reference_keeps_the_differential_flux(maps):
    other = maps.copy(reference_model=PowerLawSpectralModel(index=3.0, amplitude="5e-12 cm-2 s-1 TeV-1"))
    np.testing.assert_allclose(other.dnde.data, maps.dnde.data, rtol=1e-12)
    assert not np.allclose(other.norm.data, maps.norm.data)


def test_points_at_a_position(maps):
    points = maps.get_flux_points(maps.geom.to_image().get_coord().skycoord[1, 2])
    np.testing.assert_allclose(points.norms["norm"], maps.norm.data[:, 1, 2])
    np.testing.assert_allclose(points.flux.value, maps.flux.data[:, 1, 2])
    np.testing.assert_allclose(points.sqrt_ts, maps.sqrt_ts.data[:, 1, 2])
    one = maps.slice_by_idx({"energy": slice(1, 2)}).get_flux_points()
    assert len(one) == 1
    with pytest.raises(ValueError, match="not on the map"):
        maps.get_flux_points(maps.geom.center_skydir.directional_offset_by(0 * u.deg, 20 * u.deg))


@pytest.mark.parametrize("sed_type", ["likelihood", "dnde", "e2dnde", "flux", "eflux"])
def test_files_come_back(maps, sed_type, tmp_path):
    path = maps.write(tmp_path / "maps.fits.gz", sed_type)
    again = FluxMaps.read(path)
    assert set(again.available_quantities) == set(maps.available_quantities)
    for name in maps.available_quantities:
        np.testing.assert_allclose(again[name].data, maps[name].data, rtol=1e-12, err_msg=name)
    assert again["success"].data.dtype == bool
    np.testing.assert_allclose(again.flux.data, maps.flux.data, rtol=1e-12)
    assert again.meta["n_sigma_ul"] == 2
    assert again.gti.time_sum.to_value("h") == pytest.approx(1)
    with pytest.raises(FileExistsError):
        maps.write(path)
    maps.write(path, overwrite=True)


def test_model_is_found_beside_moved_maps(maps, tmp_path):
    maps.write(tmp_path / "a" / "maps.fits")
    (tmp_path / "a").rename(tmp_path / "b")
    assert FluxMaps.read(tmp_path / "b" / "maps.fits").reference_spectral_model.index.value == 2
    (tmp_path / "b" / "maps_model.yaml").unlink()
    with pytest.raises(MissingDataError, match="neither there nor beside it"):
        FluxMaps.read(tmp_path / "b" / "maps.fits")
    given = FluxMaps.read(tmp_path / "b" / "maps.fits", reference_model=PowerLawSpectralModel(index=3.0))
    assert given.reference_spectral_model.index.value == 3


def test_broken_files(maps, tmp_path):
    with pytest.raises(MissingDataError):
        FluxMaps.read(tmp_path / "nothing.fits")
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(Table({"a": [1]}))]).writeto(tmp_path / "table.fits")
    with pytest.raises(DataFormatError, match="no flux maps"):
        FluxMaps.read(tmp_path / "table.fits")
    path = maps.write(tmp_path / "maps.fits")
    with fits.open(path, mode="update") as hdus:
        hdus[0].header["SED_TYPE"] = "flux"
    with pytest.raises(DataFormatError, match="expected an HDU 'FLUX'"):
        FluxMaps.read(path)


def test_impossible(maps):
    with pytest.raises(ValueError, match="need a map 'norm'"):
        FluxMaps({"ts": maps.maps["ts"]})
    with pytest.raises(ValueError, match="other pixels or energies"):
        FluxMaps({"norm": maps.maps["norm"], "ts": Map.create(npix=2, binsz=1, axes=[AXIS])})
    with pytest.raises(ValueError, match="no axis 'energy'"):
        FluxMaps({"norm": Map.create(npix=2, binsz=1)})
    with pytest.raises(ValueError, match="unknown SED type"):
        maps.to_maps("dnde2")
