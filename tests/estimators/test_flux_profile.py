"""Flux profiles: all regions at once are those of each, regions, tables, bad input."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

import gjax
from gjax.datasets import MapDatasetOnOff
from gjax.estimators import (
    FluxPointsEstimator,
    FluxProfileEstimator,
    estimate_exposure_reco_energy,
    make_concentric_annulus_sky_regions,
    make_orthogonal_rectangle_sky_regions,
)
from gjax.models import PowerLawSpectralModel, SkyModel
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
    assert profile.write(tmp_path / "profile.fits").exists()
    assert "3 regions" in repr(profile)


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
