"""Flux profiles: all regions at once are those of each, regions, tables, bad input."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

import gjax
from gjax.datasets import MapDatasetOnOff
from gjax.errors import DataFormatError
from gjax.estimators import (
    FluxPointsEstimator,
    FluxProfile,
    FluxProfileEstimator,
    ImageProfileEstimator,
    estimate_exposure_reco_energy,
    make_concentric_annulus_sky_regions,
    make_orthogonal_rectangle_sky_regions,
)
from gjax.models import PowerLawSpectralModel, SkyModel
from gjax.plot import new_axes
from gjax.stats import cash_significance

CENTER = SkyCoord(83.63, 22.01, unit="deg")
EDGES = np.geomspace(1, 10, 4)[[0, 1, 3]]


@pytest.fixture(scope="module")
def rings():
    return make_concentric_annulus_sky_regions(CENTER, "0.45 deg", "0.01 deg", nbin=3)


def test_one_energy_bin_is_a_subtraction(cube, rings):
    profile = FluxProfileEstimator(rings, EDGES).run(cube)
    exposure = estimate_exposure_reco_energy(cube, normalize=False)
    for region, points in zip(rings, profile.points):
        inside = np.asarray(cube.counts.geom.to_image().region_mask([region]).data, dtype=bool)
        n, b = cube.counts.data[0][inside].sum(), cube.background.data[0][inside].sum()
        seen = exposure.data[0][inside].mean()
        assert points.norms["norm"][0] == pytest.approx((n - b) / seen, rel=1e-3)
        assert points.extra["counts"][0] == n
        assert points.extra["npred"][0] == pytest.approx(n, rel=1e-6)
        assert points.extra["ts"][0] == pytest.approx(float(cash_significance(n, b)) ** 2, rel=1e-6)


def test_every_region_is_as_flux_points_of_its_spectrum(cube, rings):
    spectrum = PowerLawSpectralModel(index=2.2, amplitude="3e-11 cm-2 s-1 TeV-1")
    off = np.random.default_rng(1).poisson(cube.background.data * 5).astype(float)
    data = MapDatasetOnOff.from_map_dataset(cube, 1.0, 5.0, counts_off=cube.counts.copy(data=off))
    profile = FluxProfileEstimator(rings, EDGES, spectrum).run(data)
    assert len(profile) == 3
    region = 1
    one = data.to_spectrum_dataset(rings[region], name="one")
    points = FluxPointsEstimator(EDGES).run(gjax.Likelihood(one, SkyModel(spectrum, name="crab")))
    for name in ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul"):
        np.testing.assert_allclose(profile[region].norms[name], points.norms[name], rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(profile[region].extra["ts"], points.extra["ts"], rtol=1e-6)
    np.testing.assert_allclose(profile[region].extra["counts"], points.extra["counts"][:, 0])
    np.testing.assert_allclose(profile[region].extra["npred"], points.extra["npred"][:, 0], rtol=1e-6)
    assert np.all(profile[0].norms["norm"] > profile[2].norms["norm"])


def test_tables_and_files(cube, rings, tmp_path):
    profile = FluxProfileEstimator(rings, EDGES).run(cube)
    table = profile.to_table("flux")
    assert table["flux"].shape == (3, 2)
    assert table["flux"].unit == u.Unit("cm-2 s-1")
    np.testing.assert_allclose(table["x_max"][:-1].value, table["x_min"][1:].value)
    assert "3 regions" in repr(profile)
    for name, sed_type in (("profile.fits", "likelihood"), ("profile.ecsv", "flux")):
        again = FluxProfile.read(profile.write(tmp_path / name, sed_type))
        np.testing.assert_allclose(again.distance_max, profile.distance_max)
        for suffix in ("", "_err", "_errn", "_ul"):
            ours, theirs = (one.quantity("flux", suffix).value for one in (profile, again))
            np.testing.assert_allclose(theirs, ours, rtol=1e-9)
        for key in ("counts", "ts", "stat_scan", "reason"):
            np.testing.assert_array_equal(again[1].extra[key], profile[1].extra[key])
    with pytest.raises(DataFormatError, match="x_min"):
        FluxProfile.from_table(profile[0].to_table("flux"))
    with pytest.raises(DataFormatError, match="no rows"):
        FluxProfile.from_table(table[:0])
    assert profile.plot(ax=new_axes()).get_xlabel() == "Distance [deg]"


def test_a_region_off_the_map_is_marked(cube, rings, caplog):
    away = make_concentric_annulus_sky_regions(CENTER.directional_offset_by(0 * u.deg, 5 * u.deg), "0.2 deg", nbin=1)
    profile = FluxProfileEstimator([*rings[:2], *away], EDGES).run(cube)
    assert "region 2 is left out" in caplog.text
    assert not profile[2].extra["success"].any()
    assert np.all(np.isnan(profile[2].norms["norm"]))
    assert profile[0].extra["success"].all()


def test_rectangles_lie_on_the_line():
    start, stop = CENTER, CENTER.directional_offset_by(37 * u.deg, 2 * u.deg)
    regions = make_orthogonal_rectangle_sky_regions(start, stop, 0.5 * u.deg, nbin=4)
    distances = [start.separation(region.center).deg for region in regions]
    np.testing.assert_allclose(distances, [0.25, 0.75, 1.25, 1.75], rtol=1e-9)
    assert all(region.width.to_value("deg") == pytest.approx(0.5) for region in regions)
    # the middle of the short side lies on the line
    inside = start.directional_offset_by(37 * u.deg, 0.49 * u.deg)
    outside = start.directional_offset_by(37 * u.deg, 0.51 * u.deg)
    beside = regions[0].center.directional_offset_by(127 * u.deg, 0.24 * u.deg)
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [83.63, 22.01]
    wcs.wcs.cdelt, wcs.wcs.crpix = [-0.01, 0.01], [1, 1]
    assert regions[0].contains(SkyCoord([inside, beside]), wcs).all()
    assert not regions[0].contains(outside, wcs)


def test_impossible(cube, rings):
    with pytest.raises(ValueError, match="at least two"):
        FluxProfileEstimator(rings[:1])
    with pytest.raises(ValueError, match="increasing radii"):
        make_concentric_annulus_sky_regions(CENTER, "0.1 deg", "0.2 deg")
    with pytest.raises(ValueError, match="between two positions"):
        make_orthogonal_rectangle_sky_regions(CENTER, CENTER, "1 deg")


def test_profiles_of_images(cube):
    image = cube.counts.sum_over_axes(keepdims=False)
    data = np.asarray(image.data, dtype=float)
    lat = ImageProfileEstimator(axis="lat").run(image)
    assert len(lat) == data.shape[0]
    assert lat.profile.value.sum() == data.sum()
    np.testing.assert_allclose(lat.profile_err.value, np.sqrt(lat.profile.value))
    lon = ImageProfileEstimator([-180, 83.63, 180], axis="lon").run(image)
    left = image.geom.get_coord().skycoord.ra.deg >= 83.63
    np.testing.assert_allclose(lon.profile.value, [data[~left].sum(), data[left].sum()])
    radial = ImageProfileEstimator([0, 0.2, 0.4] * u.deg, "mean", "radial", CENTER)
    distance = image.geom.get_coord().skycoord.separation(CENTER).deg
    inside = distance < 0.2
    found = radial.run(image, image_err=image.copy(data=np.full(data.shape, 2.0)))
    assert found.profile.value[0] == pytest.approx(data[inside].mean())
    assert found.profile_err.value[0] == pytest.approx(2 / np.sqrt(inside.sum()))
    # what a mask takes away has no value
    masked = radial.run(image, mask=image.copy(data=distance > 0.2))
    assert np.isnan(masked.profile.value).tolist() == [True, False]
    assert masked.pixels.tolist() == [0, int(((distance > 0.2) & (distance < 0.4)).sum())]
    assert found.normalize().profile.value.max() == 1
    flat = lat.normalize("integral").smooth("10 deg")
    np.testing.assert_allclose(flat.profile.value, 1 / len(lat))
    assert lat.smooth("0.05 deg", "gauss").profile.value.std() < lat.profile.value.std()
    assert lat.plot(ax=new_axes()).get_xlabel() == "Latitude [deg]"
    assert lat.to_table().meta["PROFILE_TYPE"] == "lat"
    for options, words in (({"axis": "x"}, "axis"), ({"method": "max"}, "method"), ({"axis": "radial"}, "center")):
        with pytest.raises(ValueError, match=words):
            ImageProfileEstimator(**options)
    with pytest.raises(ValueError, match="expected an image"):
        ImageProfileEstimator().run(cube.counts)
