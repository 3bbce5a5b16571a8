import astropy.units as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astropy.wcs import WCS
from pixel_grids import image_pixels, image_wcs

from gjax.errors import ConfigError, DataFormatError, MissingDataError, UnitError
from gjax.maps import MapAxis, WcsNDMap
from gjax.models import (
    Models,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
    TemplateSpatialModel,
    TemplateSpectralModel,
    create_fermi_isotropic_diffuse_model,
)
from gjax.models._sky_grid import SkyGrid
from gjax.parameters import fill, freeze_tree

FERMI = "fermi-3fhl-gc/gll_iem_v06_gc.fits.gz"
ISOTROPIC = "fermi_3fhl/iso_P8R2_SOURCE_V6_v06.txt"

#: Values of Gammapy 2.1 at two positions.
GALACTIC = {
    "12 GeV": [7.751673776677416e-10, 7.900186640038186e-11],
    "200 GeV": [1.2153631923212862e-12, 6.824110462809814e-14],
}


def bump_map(axes=None, unit="", **options):
    """A map that is exponential in its pixel coordinates, so that interpolation in the logarithm is exact."""
    options = {"npix": (20, 16), "binsz": 0.1, "proj": "TAN", "frame": "galactic", "skydir": None} | options
    empty = WcsNDMap.create(axes=axes, unit=unit, **options)
    y, x = np.mgrid[: empty.data.shape[-2], : empty.data.shape[-1]]
    return empty.copy(data=np.broadcast_to(np.exp(0.1 * x + 0.05 * y), empty.data.shape))


@pytest.mark.parametrize("proj", ["TAN", "SIN", "STG", "ZEA", "ARC", "CAR", "SFL", "CEA", "MER", "AIT"])
@pytest.mark.parametrize("centre", [(0.0, 0.0), (83.0, 0.0), (266.0, -29.0), (10.0, 80.0)])
def test_pixels_are_those_of_wcslib(proj, centre):
    if proj in ("CAR", "SFL", "CEA", "MER", "AIT") and centre[1] != 0:
        centre = (centre[0], 0.0)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"GLON-{proj}", f"GLAT-{proj}"]
    wcs.wcs.crval, wcs.wcs.crpix = centre, [20.5, 15.0]
    angle = np.radians(20.0)
    wcs.wcs.pc = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    wcs.wcs.cdelt = [-0.2, 0.2]
    grid = SkyGrid.from_wcs(wcs, (30, 40))
    x, y = (part.ravel() for part in np.meshgrid(np.linspace(-0.5, 39.5, 9), np.linspace(-0.5, 29.5, 7)))
    lon, lat = np.radians(wcs.wcs_pix2world(x, y, 0))
    vectors = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    np.testing.assert_allclose(grid.pixel(jnp.asarray(vectors)), [x, y], atol=1e-8)


def test_other_projections_are_refused():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["GLON-MOL", "GLAT-MOL"]
    wcs.wcs.cdelt = [-1, 1]
    with pytest.raises(ValueError, match="projection 'MOL': templates may have TAN"):
        SkyGrid.from_wcs(wcs, (10, 10))


def test_interpolation_is_linear_in_the_logarithm():
    template = bump_map(unit="sr-1")
    model = TemplateSpatialModel(template, normalize=False)
    x, y = np.array([0.0, 3.3, 18.9, -0.4, 19.4]), np.array([0.0, 7.7, 2.0, 15.4, 3.0])
    lon, lat = template.geom.wcs.wcs_pix2world(x, y, 0)
    np.testing.assert_allclose(model(lon, lat).value, np.exp(0.1 * x + 0.05 * y), rtol=1e-9)
    outside = template.geom.wcs.wcs_pix2world([-0.6, 25.0], [3.0, 3.0], 0)
    assert (model(*outside).value == 0).all()
    assert model.frame == "galactic"
    assert not model.is_energy_dependent


def test_an_all_sky_map_has_no_seam():
    sky = WcsNDMap.create(binsz=1.0, frame="galactic", proj="CAR", unit="sr-1")
    lon = sky.geom.get_coord().lon.to_value("deg")
    model = TemplateSpatialModel(sky.copy(data=2 + np.cos(np.radians(lon)) + 0 * sky.data), normalize=False)
    places = np.array([179.2, 179.9, 180.0, 180.3, 0.0, 359.99])
    np.testing.assert_allclose(model(places, 10.0 + 0 * places).value, 2 + np.cos(np.radians(places)), rtol=1e-3)


def test_normalised_templates_integrate_to_one():
    template = bump_map(binsz=0.02)
    flux = (
        TemplateSpatialModel(template)
        .filled()
        .integrate_pixels(image_pixels(image_wcs("TAN", 0.0, 0.0, frame="galactic"), frame="galactic"))
    )
    assert float(flux.sum()) == pytest.approx(1, abs=3e-3)


def test_moving_a_template_is_a_rotation():
    template = bump_map(unit="sr-1")
    model = TemplateSpatialModel(template, normalize=False)
    centre = template.geom.center_skydir
    assert (model.lon_0.value, model.lat_0.value) == pytest.approx((centre.l.deg, centre.b.deg), abs=1e-9)
    moved = TemplateSpatialModel(template, normalize=False, lon_0=centre.l.deg + 40, lat_0=60.0)
    offset = centre.directional_offset_by(0.7 * u.rad, 0.5 * u.deg)
    there = moved.position.directional_offset_by(0.7 * u.rad, 0.5 * u.deg)
    np.testing.assert_allclose(moved(there.l, there.b).value, model(offset.l, offset.b).value, rtol=1e-9)
    skeleton, table = freeze_tree(moved)
    pixels = image_pixels(image_wcs("TAN", 40.0, 60.0, frame="galactic", npix=11), npix=11, frame="galactic")
    weights = np.random.default_rng(42).uniform(size=(11, 11))

    def mean(theta):
        return (fill(skeleton, theta).integrate_pixels(pixels) * weights).sum() * 1e4

    theta = jnp.asarray(table.values) + 0.01
    step = 1e-6 * jnp.eye(2)
    numerical = [(mean(theta + s) - mean(theta - s)) / 2e-6 for s in step]
    np.testing.assert_allclose(jax.jit(jax.grad(mean))(theta), numerical, rtol=1e-3)
    assert np.isfinite(jax.jit(jax.hessian(mean))(theta)).all()


def test_templates_with_energy():
    axis = MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=4, name="energy_true")
    template = bump_map(axes=[axis], unit="cm-2 s-1 TeV-1 sr-1")
    factor = axis.center.to_value("TeV") ** -2.5
    model = TemplateSpatialModel(template.copy(data=template.data * factor[:, None, None]), normalize=False)
    assert model.is_energy_dependent
    lon, lat = template.geom.wcs.wcs_pix2world([7.3], [4.1], 0)
    expected = np.exp(0.1 * 7.3 + 0.05 * 4.1)
    for energy in (1.1, 2.0, 50.0):
        found = model(lon, lat, energy * u.TeV)
        np.testing.assert_allclose(found.value, expected * energy**-2.5, rtol=1e-9)
        assert found.unit.is_equivalent("m-2 s-1 GeV-1 sr-1")
    assert model(lon, lat, "1000 TeV").value == 0
    with pytest.raises(ValueError, match="give energies"):
        model(lon, lat)
    pixels = image_pixels(image_wcs("TAN", 0.0, 0.0, frame="galactic", npix=8), npix=8, frame="galactic")
    cube = model.filled().integrate_pixels(pixels, jnp.array([1.1, 2.0]))
    assert cube.shape == (2, 8, 8)
    np.testing.assert_allclose(cube[0] / cube[1], (1.1 / 2.0) ** -2.5, rtol=1e-9)
    SkyModel(PowerLawNormSpectralModel(), model)
    with pytest.raises(ValueError, match="the template is a flux already"):
        SkyModel(PowerLawSpectralModel(), model)


def test_bad_templates_are_refused():
    good = bump_map()
    with pytest.raises(TypeError, match="expected a WCS map, got ndarray"):
        TemplateSpatialModel(good.data)
    with pytest.raises(ValueError, match=r"template a\.fits: holds 1 negative values"):
        TemplateSpatialModel(good.copy(data=np.where(good.data == good.data.max(), -1, good.data)), filename="a.fits")
    with pytest.raises(ValueError, match="all values are zero"):
        TemplateSpatialModel(good.copy(data=0 * good.data))
    with pytest.raises(UnitError, match="template"):
        TemplateSpatialModel(bump_map(unit="m"), normalize=False)
    energy = MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=4)
    with pytest.raises(ValueError, match="expected an image or a cube with the axis 'energy_true', got energy"):
        TemplateSpatialModel(bump_map(axes=[energy]))
    holes = np.where(good.data > np.median(good.data), np.nan, good.data)
    assert np.isfinite(TemplateSpatialModel(good.copy(data=holes)).filled().log_values).all()
    with pytest.raises(MissingDataError):
        TemplateSpatialModel.read("no-such-file.fits")


def test_templates_in_model_files(tmp_path):
    bump_map().write(tmp_path / "bump.fits")
    template = TemplateSpatialModel.read(tmp_path / "bump.fits")
    models = Models([SkyModel(PowerLawSpectralModel(), template, name="a")])
    models.write(tmp_path / "models.yaml")
    back = Models.read(tmp_path / "models.yaml")
    assert back.to_dict() == models.to_dict()
    np.testing.assert_array_equal(back["a"].spatial_model.log_values, template.log_values)
    with pytest.raises(ConfigError, match="a template without a file"):
        Models([SkyModel(PowerLawSpectralModel(), TemplateSpatialModel(bump_map()), name="a")]).to_dict()


# ---- spectra ----


def test_tables_are_interpolated_as_power_laws():
    energy = np.array([1.0, 3.0, 10.0, 100.0])
    model = TemplateSpectralModel(energy * u.TeV, 1e-12 * energy**-2.3 * u.Unit("cm-2 s-1 TeV-1"))
    at = np.array([0.3, 1.0, 5.0, 200.0])
    np.testing.assert_allclose(model(at).value, 1e-12 * at**-2.3, rtol=1e-12)
    expected = 1e-12 * (1 - 10**-1.3) / 1.3
    assert model.integral("1 TeV", "10 TeV").value == pytest.approx(expected, rel=1e-10)
    assert model.parameters == {}
    factor = TemplateSpectralModel(energy, np.ones(4))
    assert factor.unit == ""
    assert (factor * model).unit == model.unit
    slope = jax.grad(lambda e: jnp.log(model.filled().evaluate(jnp.exp(e))))(0.7)
    assert float(slope) == pytest.approx(-2.3)


def test_bad_tables_are_refused():
    with pytest.raises(ValueError, match="expected increasing positive energies"):
        TemplateSpectralModel([2, 1], [1, 1])
    with pytest.raises(ValueError, match=r"got shapes \(2,\) and \(3,\)"):
        TemplateSpectralModel([1, 2], [1, 1, 1])
    with pytest.raises(ValueError, match="no negative values"):
        TemplateSpectralModel([1, 2], [1, -1])
    with pytest.raises(UnitError):
        TemplateSpectralModel([1, 2] * u.TeV, [1, 1] * u.m)
    assert TemplateSpectralModel([1, 2], [0, 1])("1.5 TeV").value < 1e-100


def test_tables_in_model_files(tmp_path):
    table = TemplateSpectralModel([1, 10] * u.GeV, [3e-9, 1e-11] * u.Unit("cm-2 s-1 GeV-1"))
    models = Models([SkyModel(table * PowerLawNormSpectralModel(), name="a")])
    models.write(tmp_path / "models.yaml")
    back = Models.read(tmp_path / "models.yaml")
    assert back.to_dict() == models.to_dict()
    assert back["a"].spectral_model("3 GeV").value == pytest.approx(models["a"].spectral_model("3 GeV").value)


# ---- the diffuse backgrounds of Fermi ----


def test_a_broken_isotropic_file_is_named(tmp_path):
    with pytest.raises(MissingDataError, match=r"iso\.txt: no such file"):
        create_fermi_isotropic_diffuse_model(tmp_path / "iso.txt")
    (tmp_path / "iso.txt").write_text("energy flux\n")
    with pytest.raises(DataFormatError, match=r"iso\.txt: expected columns of energy"):
        create_fermi_isotropic_diffuse_model(tmp_path / "iso.txt")


@pytest.mark.data
def test_the_isotropic_background(gammapy_data):
    model = create_fermi_isotropic_diffuse_model(gammapy_data / ISOTROPIC, datasets_names=["fermi"])
    assert model.name == "isotropic_fermi"
    assert dict(model.apply_irf) == {"exposure": True, "psf": False, "edisp": False}
    # Gammapy 2.1
    assert model.spectral_model("10 GeV").to_value("TeV-1 s-1 cm-2") == pytest.approx(6.2640705936140974e-06, rel=1e-9)
    assert model.spatial_model("1 deg", "2 deg").value == 1


@pytest.mark.data
def test_the_galactic_background(gammapy_data):
    model = TemplateSpatialModel.read(gammapy_data / FERMI, normalize=False)
    for energy, expected in GALACTIC.items():
        found = model([0.03, 3.21] * u.deg, [-0.01, -2.17] * u.deg, energy).to_value("cm-2 s-1 MeV-1 sr-1")
        np.testing.assert_allclose(found, expected, rtol=2e-6)
