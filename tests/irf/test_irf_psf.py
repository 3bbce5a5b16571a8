"""Point spread functions against closed forms, and table, three Gaussians and King profile against each other."""

import astropy.units as u
import numpy as np
import pytest

from gjax.errors import DataFormatError, UnitError
from gjax.irf import PSF3D, EnergyDependentMultiGaussPSF, PSFKing
from gjax.maps import MapAxis

TRUE = MapAxis([0.1, 1.0, 10.0, 100.0], interp="log", name="energy_true", unit="TeV")
OFFSET = MapAxis([0.0, 1.0, 2.0], name="offset", unit="deg")
HERE = {"energy_true": TRUE.center[1], "offset": 0.5 * u.deg}


def gauss(**changes):
    data = {"scale": 1.0, "sigma_1": 0.05, "sigma_2": 0.0, "sigma_3": 0.0, "ampl_2": 0.0, "ampl_3": 0.0, **changes}
    return EnergyDependentMultiGaussPSF([TRUE, OFFSET], data, {"scale": "sr-1"})


@pytest.fixture
def table():
    rad = MapAxis.from_bounds(0.0, 0.5, 500, unit="deg", name="rad")
    density = np.exp(-0.5 * (rad.center.value / 0.05) ** 2) * np.ones((3, 2, 500))
    return PSF3D([TRUE, OFFSET, rad], density, "sr-1").normalize()


def test_containment_of_a_gaussian(table):
    rad = np.array([0.0, 0.02, 0.05, 0.11, 0.3]) * u.deg
    expected = 1 - np.exp(-0.5 * (rad.value / 0.05) ** 2)
    assert np.allclose(table.containment(rad, **HERE).value, expected, atol=2e-5)
    assert np.allclose(gauss().containment(rad, **HERE).value, expected, atol=1e-12)
    assert table.containment(rad, **HERE).unit == ""


def test_containment_radius_inverts_containment(table):
    psfs = [table, gauss(sigma_2=0.15, ampl_2=0.1, sigma_3=0.3, ampl_3=0.01)]
    psfs.append(PSFKing([TRUE, OFFSET], {"gamma": 1.8, "sigma": 0.05}, {"sigma": "deg"}))
    for psf in psfs:
        fraction = np.array([0.1, 0.5, 0.68, 0.95])
        radius = psf.containment_radius(fraction, **HERE)
        assert radius.shape == (4,)
        assert np.allclose(psf.containment(radius, **HERE).value, fraction, rtol=1e-9)
        grid = psf.containment_radius(0.68, TRUE.center[:, None], OFFSET.center)
        assert grid.shape == (3, 2)
        assert np.allclose(grid.value, radius[2].value)


def test_density_integrates_to_the_containment():
    rad = np.linspace(0.0, 0.2, 20001) * u.deg
    for psf in (
        gauss(sigma_2=0.15, ampl_2=0.1),
        PSFKing([TRUE, OFFSET], {"gamma": 1.8, "sigma": 0.05}, {"sigma": "deg"}),
    ):
        density = psf.evaluate(rad=rad, **HERE)
        integral = np.trapezoid((2 * np.pi * rad * density).to_value("deg-1"), rad.value)
        assert np.isclose(integral, psf.containment(rad[-1], **HERE).value, rtol=1e-6)
        psf3d = psf.to_psf3d()
        # The table has 0.01 deg bins, a fifth of the width.
        assert np.isclose(psf3d.containment("0.2 deg", **HERE).value, integral, rtol=3e-3)
        assert psf3d.axes.names == ["energy_true", "offset", "rad"]


def test_outside_the_axes(table):
    # Beyond the table the containment stays; the reference package returns 0 half a bin beyond the last radius.
    flat = table.copy(data=np.ones_like(table.data)).normalize()
    assert np.isclose(flat.containment("2 deg", **HERE).value, 1.0)
    assert np.isclose(flat.containment("0.25 deg", **HERE).value, 0.25)
    assert table.containment("0.1 deg", "200 TeV", "0.5 deg").value == 0.0
    assert table.containment("0.1 deg", "1 TeV", "2.5 deg").value == 0.0
    # A fraction that is not reached has no radius; the reference package returns some radius of the axis.
    assert np.isnan(table.containment_radius(0.68, "200 TeV", "0.5 deg").value)
    assert np.isnan(table.containment_radius(1.5, **HERE).value)
    assert np.isnan(gauss(scale=0.0).containment_radius(0.68, **HERE).value)


def test_undetermined_bins_do_not_spoil_their_neighbours():
    # Zero widths mean "no fit in this bin". The reference package takes 1 deg there and interpolates with it.
    sigma = np.full((3, 2), 0.05)
    sigma[0] = 0.0
    scale = np.ones((3, 2))
    scale[0] = 0.0
    psf = gauss(sigma_1=sigma, scale=scale)
    assert np.isclose(psf.containment_radius(0.393469, "2 TeV", "0.5 deg").value, 0.05, rtol=1e-4)
    assert psf.containment("0.1 deg", TRUE.center[0], "0.5 deg").value == 0.0
    king = PSFKing([TRUE, OFFSET], {"gamma": np.where(sigma > 0, 1.8, 0.0), "sigma": sigma}, {"sigma": "deg"})
    assert np.isclose(king.containment("0.1 deg", "0.5 TeV", "0.5 deg"), king.containment("0.1 deg", **HERE))


def test_king_without_finite_integral_is_zero():
    king = PSFKing([TRUE, OFFSET], {"gamma": 0.8, "sigma": 0.05}, {"sigma": "deg"})
    assert king.containment("0.1 deg", **HERE).value == 0.0
    assert king.evaluate(rad="0.1 deg", **HERE).value == 0.0
    assert np.isnan(king.containment_radius(0.68, **HERE).value)


def test_bad_input(table):
    with pytest.raises(UnitError, match="'rad'"):
        table.containment(0.1, **HERE)
    with pytest.raises(UnitError, match="'rad'"):
        gauss().containment("0.1 TeV", **HERE)
    with pytest.raises(UnitError, match="SIGMA_1 is in 'TeV'"):
        EnergyDependentMultiGaussPSF([TRUE, OFFSET], gauss().data, {"sigma_1": "TeV"})
    with pytest.raises(ValueError, match="no parameter 'sigma'"):
        PSFKing([TRUE, OFFSET], {"gamma": 1.8})
    bad = table.copy(data=np.where(table.data > 1, table.data, np.nan))
    with pytest.raises(DataFormatError, match=r"'RPSF'.*NaN"):
        bad.containment("0.1 deg", **HERE)
    with pytest.raises(DataFormatError, match=r"'SIGMA_1'.*6 of 6 values"):
        gauss(sigma_1=np.nan).containment_radius(0.68, **HERE)
