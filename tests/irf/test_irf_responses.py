"""Effective area, energy dispersion, background and rad max: evaluation, bounds, units, derived responses."""

import astropy.units as u
import numpy as np
import pytest

from gjax.errors import DataFormatError, UnitError
from gjax.irf import Background2D, Background3D, EffectiveAreaTable2D, EnergyDispersion2D, RadMax2D
from gjax.irf.background import integrate_log_log
from gjax.maps import MapAxis

TRUE = MapAxis([0.1, 1.0, 10.0, 100.0], interp="log", name="energy_true", unit="TeV")
RECO = TRUE.copy(name="energy")
OFFSET = MapAxis([0.0, 1.0, 2.0], name="offset", unit="deg")


@pytest.fixture
def aeff():
    return EffectiveAreaTable2D([TRUE, OFFSET], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "m2")


def test_values_at_bin_centres(aeff):
    assert np.allclose(aeff.evaluate(energy_true=TRUE.center[:, None], offset=OFFSET.center).value, aeff.data)
    assert np.allclose(aeff.evaluate().value, aeff.data)  # axes that are not named give their centres
    assert np.allclose(aeff.evaluate(offset="0.5 deg").value, aeff.data[:, :1])


def test_energy_is_interpolated_in_its_logarithm(aeff):
    assert np.isclose(aeff.evaluate(energy_true="1 TeV", offset="0.5 deg").value, 2.0)


def test_extrapolated_to_the_edges_then_zero(aeff):
    offset = [-0.01, 0.0, 1.999, 2.0, np.nan] * u.deg
    assert np.allclose(aeff.evaluate(energy_true=TRUE.center[1], offset=offset).value, [0, 2.5, 4.499, 0, 0])
    energy = [0.0999, 0.1, 99.9, 100.0, 0.0] * u.TeV
    values = aeff.evaluate(energy_true=energy, offset=0.5 * u.deg).value
    assert np.allclose(values, [0, 0, 6.0, 0, 0], atol=2e-3)  # at 0.1 TeV 1 - 2/2 = 0


def test_negative_extrapolation_is_clipped():
    aeff = EffectiveAreaTable2D([TRUE, OFFSET], [[1.0, 1.0], [9.0, 9.0], [1.0, 1.0]], "m2")
    assert aeff.evaluate(energy_true="0.11 TeV", offset="1 deg").value == 0.0


def test_units_are_converted_and_checked(aeff):
    value = aeff.evaluate(energy_true=1000 * u.GeV, offset=30 * u.arcmin)
    assert value == aeff.evaluate(energy_true=1 * u.TeV, offset=0.5 * u.deg)
    assert value.unit == "m2"
    with pytest.raises(UnitError, match=r"'energy_true'.*'m'.*'TeV'"):
        aeff.evaluate(energy_true=1 * u.m, offset="1 deg")
    with pytest.raises(UnitError, match="'offset'"):
        aeff.evaluate(energy_true="1 TeV", offset=1.0)
    with pytest.raises(ValueError, match=r"no axis energy; .*energy_true, offset"):
        aeff.evaluate(energy="1 TeV")
    with pytest.raises(UnitError, match="EFFAREA is in 's'"):
        EffectiveAreaTable2D([TRUE, OFFSET], 1.0, "s")
    with pytest.raises(ValueError, match="unknown interpolation method"):
        aeff.evaluate("cubic", energy_true="1 TeV", offset="1 deg")


def test_wrong_axes_and_shapes():
    with pytest.raises(ValueError, match=r"needs the axes \['energy_true', 'offset'\]"):
        EffectiveAreaTable2D([OFFSET, TRUE], 1.0, "m2")
    with pytest.raises(ValueError, match=r"\(2, 3\), expected \(3, 2\)"):
        EffectiveAreaTable2D([TRUE, OFFSET], np.ones((2, 3)), "m2")
    with pytest.raises(ValueError, match="FOVALIGN is 'UP'"):
        EffectiveAreaTable2D([TRUE, OFFSET], 1.0, "m2", fov_alignment="UP")


def test_nothing_is_mutable(aeff):
    with pytest.raises(ValueError, match="read-only"):
        aeff.data[0, 0] = 3.0
    with pytest.raises(AttributeError):
        aeff.unit = u.Unit("cm2")
    source = np.ones((3, 2))
    copy = EffectiveAreaTable2D([TRUE, OFFSET], source, "m2")
    source[:] = 7.0
    assert copy.data.max() == 1.0


def test_nan_stops_evaluation_and_can_be_replaced():
    data = np.ones((3, 2))
    data[0] = np.nan, np.inf
    aeff = EffectiveAreaTable2D([TRUE, OFFSET], data, "m2", source="run.fits: HDU 'AEFF'")
    assert np.isclose(aeff.nan_fraction(), 1 / 3)
    with pytest.raises(DataFormatError, match=r"run.fits: HDU 'AEFF': column 'EFFAREA': 2 of 6 values \(33.3%\)"):
        aeff.evaluate(energy_true="50 TeV", offset="1 deg")
    clean = aeff.replace_nan()
    assert clean.check_finite() is clean
    assert clean.data[0].tolist() == [0.0, 0.0]
    assert np.isnan(aeff.data[0, 0])


def test_slice_copy_and_comparison(aeff):
    part = aeff.slice_by_idx({"energy_true": slice(1, 3)})
    assert part.data.tolist() == [[3.0, 4.0], [5.0, 6.0]]
    assert part.axes["energy_true"].edges[0] == 1 * u.TeV
    assert aeff.is_allclose(aeff.copy(data=aeff.quantity.to("cm2")))
    assert not aeff.is_allclose(aeff.copy(data=aeff.data * 1.001))
    assert not aeff.is_allclose(part)
    assert "EffectiveAreaTable2D (energy_true: 3, offset: 2)" in repr(aeff)
    assert aeff._repr_html_().startswith("<pre>EffectiveArea")


def test_parametrization_is_the_formula():
    aeff = EffectiveAreaTable2D.from_parametrization(TRUE, "CTAO")
    energy = TRUE.center.to_value("MeV")
    assert np.allclose(aeff.data[:, 0], 1.71e11 * energy**-0.0891 * np.exp(-1e5 / energy), rtol=1e-12)
    with pytest.raises(ValueError, match="unknown instrument 'X'"):
        EffectiveAreaTable2D.from_parametrization(TRUE, "X")


# ---- energy dispersion ----


@pytest.fixture
def edisp():
    migra = MapAxis.from_bounds(0.2, 5.0, 960, name="migra")
    return EnergyDispersion2D.from_gauss(TRUE, migra, OFFSET, bias=[0.0, 0.1, 0.0], sigma=[0.2, 0.1, 0.1])


def test_gaussian_migration_is_normalised(edisp):
    integral = (edisp.data * edisp.axes["migra"].bin_width.value[:, None]).sum(axis=1)
    assert np.allclose(integral, 1.0, atol=1e-4)
    mean = (edisp.data[1, :, 0] * edisp.axes["migra"].bin_width.value * edisp.axes["migra"].center.value).sum()
    assert np.isclose(mean, 1.1, atol=1e-3)
    with pytest.raises(ValueError, match="sigma must be positive"):
        EnergyDispersion2D.from_gauss(TRUE, edisp.axes["migra"], OFFSET, bias=0, sigma=0)


def test_zero_only_where_offset_or_both_energy_and_migra_are_outside(edisp):
    inside = edisp.evaluate(energy_true="0.05 TeV", migra=1.0, offset="1 deg")
    assert inside.value > 0
    assert edisp.evaluate(energy_true="0.05 TeV", migra=6.0, offset="1 deg").value == 0
    assert edisp.evaluate(energy_true="1 TeV", migra=1.0, offset="2.1 deg").value == 0


def test_kernel_against_the_closed_form(edisp):
    from scipy.special import ndtr

    reco = MapAxis.from_energy_bounds("0.05 TeV", "200 TeV", 30)
    kernel = edisp.to_edisp_kernel("1 deg", TRUE, reco)
    ratio = reco.edges.value / TRUE.center.value[:, None]
    expected = np.diff(ndtr((ratio - 1 - np.array([0, 0.1, 0])[:, None]) / np.array([0.2, 0.1, 0.1])[:, None]))
    # Migrations below 0.2 do not exist in the table: for the first energy they are 3e-5 of all.
    assert np.allclose(kernel.pdf_matrix, expected, atol=3e-4)
    assert np.allclose(kernel.pdf_matrix.sum(axis=1), 1.0, atol=1e-9)
    again = edisp.to_edisp_kernel(1 * u.deg, energy_true=TRUE.edges, energy=reco.edges)
    assert np.allclose(again.pdf_matrix, kernel.pdf_matrix, rtol=1e-12)
    default = edisp.to_edisp_kernel("1 deg")
    assert default.axes["energy"] == RECO


def test_truncated_reconstructed_energies_lose_probability(edisp):
    reco = MapAxis.from_energy_edges([TRUE.center[1].value, 100.0] * u.TeV)
    kernel = edisp.copy(data=edisp.data).to_edisp_kernel("1 deg", TRUE, reco)
    assert 0.7 < kernel.pdf_matrix[1].sum() < 0.9  # the mean is one sigma above the edge
    assert np.allclose(kernel.pdf_matrix[0].sum(), 0.0, atol=1e-6)


def test_kernel_of_empty_rows_is_zero_and_offset_must_be_one(edisp):
    assert edisp.to_edisp_kernel("3 deg").pdf_matrix.sum() == 0.0
    with pytest.raises(ValueError, match="needs one offset, got 2"):
        edisp.to_edisp_kernel([0.5, 1] * u.deg)


def test_normalize(edisp):
    doubled = edisp.copy(data=2.0 * edisp.data)
    assert np.allclose(doubled.normalize().data, edisp.normalize().data, rtol=1e-12)


# ---- background ----


def test_power_law_integral_is_exact():
    energy = np.array([1.0, 1.7, 4.0, 10.0])
    for index in (-3.0, -1.0, 0.0, 2.5):
        got = integrate_log_log(energy**index, energy)
        power = index + 1
        expected = np.diff(np.log(energy)) if power == 0 else np.diff(energy**power) / power
        assert np.allclose(got, expected, rtol=1e-10)
    assert integrate_log_log(np.array([0.0, 1.0, 1.0]), np.array([1.0, 2.0, 3.0])).tolist() == [0.0, 1.0]


def test_background_of_a_power_law_in_energy_and_radius():
    energy = MapAxis.from_energy_bounds("0.1 TeV", "100 TeV", 30)
    rate = (energy.center.value[:, None] ** -2.7) * np.exp(-OFFSET.center.value)
    bkg = Background2D([energy, OFFSET], rate, "s-1 MeV-1 sr-1")
    got = bkg.evaluate(energy=[0.2, 3.3] * u.TeV, offset=0.8 * u.deg).value
    assert np.allclose(got, np.array([0.2, 3.3]) ** -2.7 * np.exp(-0.8), rtol=1e-10)
    edges = [[1.0], [2.0], [5.0]] * u.TeV
    integral = bkg.integrate_log_log("energy", energy=edges, offset=[0.8] * u.deg)
    expected = 1e6 * (np.diff(edges.value.ravel() ** -1.7) / -1.7) * np.exp(-0.8)
    assert np.allclose(integral.to_value("s-1 sr-1").ravel(), expected, rtol=1e-9)
    cube = bkg.to_3d()
    assert cube.data.shape == (30, 4, 4)
    assert np.isclose(
        cube.evaluate(energy=energy.center[3], fov_lon="0.5 deg", fov_lat="-0.5 deg").value,
        bkg.evaluate(energy=energy.center[3], offset=np.sqrt(0.5) * u.deg).value,
        rtol=1e-10,
    )
    back = cube.to_2d()
    assert back.axes["offset"].nbin == 2
    assert np.allclose(back.data[:, 0], cube.evaluate(energy=energy.center, fov_lon="0.5 deg", fov_lat="0 deg").value)


def test_background_bins_of_zero_stay_zero():
    lon = MapAxis([-2.0, 0.0, 2.0], name="fov_lon", unit="deg")
    data = np.ones((3, 2, 2))
    data[0] = 0.0
    bkg = Background3D([RECO, lon, lon.copy(name="fov_lat")], data, "s-1 MeV-1 sr-1")
    got = bkg.evaluate(energy=[RECO.center[0].value, RECO.center[1].value] * u.TeV, fov_lon="1 deg", fov_lat="1 deg")
    assert got.value.tolist() == [0.0, 1.0]
    assert bkg.evaluate(energy="5 TeV", fov_lon="2.5 deg", fov_lat="0 deg").value == 0.0
    assert bkg.evaluate(energy=1e9 * u.TeV, fov_lon="1 deg", fov_lat="1 deg").value == 0.0  # no overflow on the way
    assert not bkg.has_offset_axis


# ---- directional cut ----


def test_rad_max_takes_the_nearest_bin_and_is_zero_outside():
    rad_max = RadMax2D([RECO, OFFSET], [[0.3, 0.4], [0.2, 0.3], [0.1, 0.2]], "deg")
    energy = [0.05, 0.11, 0.9, 1.1, 99.0, 101.0] * u.TeV
    got = rad_max.evaluate(energy=energy, offset="0.2 deg").value
    assert np.allclose(got, [0, 0.3, 0.3, 0.2, 0.1, 0])
    assert not rad_max.is_fixed_rad_max


def test_fixed_rad_max_from_the_keyword():
    meta = {"RAD_MAX": 0.14}
    aeff = EffectiveAreaTable2D([TRUE, OFFSET], 1.0, "m2", meta=meta, is_pointlike=True)
    rad_max = RadMax2D.from_irf(aeff)
    assert rad_max.is_fixed_rad_max
    assert rad_max.axes["energy"].edges.value.tolist() == [0.1, 100.0]
    assert np.allclose(rad_max.evaluate(energy=[0.01, 1, 1000] * u.TeV, offset="5 deg").value, 0.14)
    with pytest.raises(DataFormatError, match="point-like"):
        RadMax2D.from_irf(aeff.copy(is_pointlike=False))
    for bad in ({}, {"RAD_MAX": "wide"}):
        with pytest.raises(DataFormatError, match="keyword RAD_MAX is"):
            RadMax2D.from_irf(aeff.copy(meta=bad))
