"""Responses of one observation on pixels: the same numbers as evaluating the response pixel by pixel."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time

from gjax.data import FixedPointingInfo
from gjax.errors import DataFormatError
from gjax.irf import (
    PSF3D,
    Background2D,
    Background3D,
    EffectiveAreaTable2D,
    EnergyDispersion2D,
    PSFKing,
)
from gjax.irf.fov import equatorial_fov, fov_coordinates, horizon_rotation, offset_on_sphere, rotate_fov
from gjax.irf.project import (
    make_edisp_kernel_map,
    make_edisp_map,
    make_map_exposure_true_energy,
    make_psf_map,
    pixel_offsets,
    project_on_offsets,
)
from gjax.irf.project_background import fill_gaps, integrate_rate, make_map_background_irf
from gjax.maps import MapAxis, RegionGeom, WcsGeom

POINTING = SkyCoord(83.6, 22.5, unit="deg")
PLACE = EarthLocation.from_geodetic(16.5 * u.deg, -23.3 * u.deg, 1835 * u.m)
IRF_TRUE = MapAxis.from_energy_bounds("0.1 TeV", "100 TeV", 12, name="energy_true")
TRUE = MapAxis.from_energy_bounds("0.3 TeV", "30 TeV", 7, name="energy_true")
RECO = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", 5)
OFFSET = MapAxis.from_edges([0, 0.5, 1.5, 2.5], unit="deg", name="offset")
IMAGE = WcsGeom.create(skydir=SkyCoord(83.6, 22.0, unit="deg"), npix=(15, 13), binsz=0.4, proj="TAN")
GALACTIC = WcsGeom.create(skydir=SkyCoord(83.6, 22.0, unit="deg"), npix=(9, 8), binsz=0.4, proj="CAR", frame="galactic")


def random_table(shape, seed):
    return np.random.default_rng(seed).uniform(0.5, 2.0, shape)


def make_aeff():
    return EffectiveAreaTable2D([IRF_TRUE, OFFSET], random_table((12, 3), 0) * 1e5, "m2")


def make_bkg3d(alignment="RADEC", seed=3):
    axes = [
        MapAxis.from_energy_bounds("0.1 TeV", "100 TeV", 9),
        MapAxis.from_bounds(-3, 3, 6, unit="deg", name="fov_lon"),
        MapAxis.from_bounds(-3, 3, 8, unit="deg", name="fov_lat"),
    ]
    data = random_table((9, 6, 8), seed) * 1e-6 * axes[0].center.value[:, None, None] ** -2.5
    return Background3D(axes, data, "s-1 MeV-1 sr-1", fov_alignment=alignment)


# ---- coordinates ----


@pytest.mark.parametrize("geom", [IMAGE, GALACTIC], ids=["icrs", "galactic"])
def test_offsets_agree_with_astropy(geom):
    expected = geom.get_coord().skycoord.separation(POINTING).deg
    np.testing.assert_allclose(pixel_offsets(geom, POINTING), expected, atol=1e-9)


def test_offsets_across_a_pole_and_at_longitude_zero():
    assert float(offset_on_sphere(np.array(180.0), np.array(89.0), 0.0, 89.0)) == pytest.approx(2)
    assert float(offset_on_sphere(np.array(359.5), np.array(0.0), 0.5, 0.0)) == pytest.approx(1)
    assert float(offset_on_sphere(np.array(12.0), np.array(-30.0), 12.0, -30.0)) == 0


@pytest.mark.parametrize("geom", [IMAGE, GALACTIC], ids=["icrs", "galactic"])
def test_field_of_view_agrees_with_offset_frames(geom):
    lon, lat = equatorial_fov(geom, POINTING)
    there = geom.get_coord().skycoord.transform_to(POINTING.skyoffset_frame())
    np.testing.assert_allclose(lon, there.lon.wrap_at("180d").deg.ravel(), atol=1e-9)
    np.testing.assert_allclose(lat, there.lat.deg.ravel(), atol=1e-9)


def test_turn_against_the_horizon_agrees_with_horizontal_coordinates():
    time = Time("2020-01-01T21:00:00")
    positions = POINTING.directional_offset_by([10, 100, 190, 280] * u.deg, [0.5, 1, 2, 3] * u.deg)
    angle = horizon_rotation(POINTING, time.reshape(1), PLACE)[0]
    icrs = fov_coordinates(positions.ra.rad, positions.dec.rad, POINTING.ra.rad, POINTING.dec.rad)
    left, up = rotate_fov(*icrs, angle)
    frame = AltAz(obstime=time, location=PLACE)
    there, here = positions.transform_to(frame), POINTING.transform_to(frame)
    right, altitude = fov_coordinates(there.az.rad, there.alt.rad, here.az.rad, here.alt.rad)
    # differential aberration: about an arcsecond
    np.testing.assert_allclose(-left, right, atol=6e-4)
    np.testing.assert_allclose(up, altitude, atol=6e-4)


# ---- responses that depend on the offset ----


def responses():
    migra = MapAxis.from_bounds(0.2, 4, 30, name="migra")
    rad = MapAxis.from_bounds(0, 0.6, 20, unit="deg", name="rad")
    coords = {"energy_true": TRUE.center.value, "migra": np.linspace(0.3, 3.9, 11), "rad": np.linspace(0.01, 0.59, 9)}
    king = {"gamma": random_table((12, 3), 7) + 1, "sigma": random_table((12, 3), 8) * 0.05}
    return [
        (make_aeff(), {"energy_true": coords["energy_true"]}),
        (
            EnergyDispersion2D([IRF_TRUE, migra, OFFSET], random_table((12, 30, 3), 1)),
            {name: coords[name] for name in ("energy_true", "migra")},
        ),
        (
            PSF3D([IRF_TRUE, OFFSET, rad], random_table((12, 3, 20), 2), "sr-1"),
            {name: coords[name] for name in ("energy_true", "rad")},
        ),
        (PSFKing([IRF_TRUE, OFFSET], king, {"sigma": "deg"}), {name: coords[name] for name in ("energy_true", "rad")}),
    ]


@pytest.mark.parametrize("index", range(4), ids=["aeff", "edisp", "psf", "king"])
def test_projection_equals_evaluation(index):
    irf, coords = responses()[index]
    offset = np.array([[0.0, 0.1, 0.3], [1.2, 2.4, 2.6]])  # extrapolated on both sides, and outside
    values = project_on_offsets(irf, offset, **coords)
    grids = {}
    for i, (name, value) in enumerate(coords.items()):
        unit = irf.axes[name].unit if name in irf.axes.names else u.deg
        grids[name] = u.Quantity(value.reshape((-1,) + (1,) * (len(coords) - 1 - i + 2)), unit)
    expected = irf.evaluate(**grids, offset=offset * u.deg).value
    assert values.shape == expected.shape
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert (values > 0).any()


def test_projection_does_not_change_the_response():
    aeff = make_aeff()
    before = aeff.data.copy()
    project_on_offsets(aeff, OFFSET.center.value, energy_true=IRF_TRUE.center.value)
    np.testing.assert_array_equal(aeff.data, before)


def test_nan_in_a_response_is_an_error():
    data = make_aeff().data.copy()
    data[3, 1] = np.nan
    with pytest.raises(DataFormatError, match="NaN"):
        project_on_offsets(EffectiveAreaTable2D([IRF_TRUE, OFFSET], data, "m2"), np.zeros(2), energy_true=np.ones(1))


def test_exposure():
    geom = IMAGE.to_cube([TRUE])
    exposure = make_map_exposure_true_energy(POINTING, 30 * u.min, make_aeff(), geom)
    offset = IMAGE.get_coord().skycoord.separation(POINTING)
    area = make_aeff().evaluate(energy_true=TRUE.center[:, None, None], offset=offset)
    np.testing.assert_allclose(exposure.data, (area * 1800 * u.s).to_value("m2 s"), rtol=1e-9)
    assert exposure.unit == u.Unit("m2 s")
    assert exposure.meta["livetime"] == 30 * u.min
    assert (exposure.data[:, offset > 2.5 * u.deg] == 0).all()


@pytest.mark.parametrize("livetime", [-1 * u.s, np.nan * u.s])
def test_impossible_live_times(livetime):
    with pytest.raises(DataFormatError, match="live time"):
        make_map_exposure_true_energy(POINTING, livetime, make_aeff(), IMAGE.to_cube([TRUE]))


def test_psf_map_is_normalised_where_there_is_one():
    irf, _ = responses()[2]
    rad = MapAxis.from_bounds(0, 0.66, 66, unit="deg", name="rad")
    psf = make_psf_map(irf, POINTING, IMAGE.to_cube([rad, TRUE]))
    area = 2 * np.pi * (rad.center * rad.bin_width).to_value("sr")
    total = (psf.psf_map.data * area[:, None, None]).sum(axis=1)
    inside = IMAGE.get_coord().skycoord.separation(POINTING).deg < 2.5
    np.testing.assert_allclose(total[:, inside], 1, rtol=1e-12)
    assert (total[:, ~inside] == 0).all()


def test_dispersion_maps_agree_with_the_kernel_at_each_offset():
    edisp, _ = responses()[1]
    edisp = edisp.normalize()
    kernels = make_edisp_kernel_map(edisp, POINTING, IMAGE.to_cube([RECO, TRUE])).edisp_map.data
    migrations = make_edisp_map(edisp, POINTING, IMAGE.to_cube([edisp.axes["migra"], TRUE]))
    offsets = pixel_offsets(IMAGE, POINTING)
    for y, x in ((0, 0), (6, 7), (9, 5), (5, 9)):
        expected = edisp.to_edisp_kernel(offsets[y, x] * u.deg, energy_true=TRUE, energy=RECO).pdf_matrix
        np.testing.assert_allclose(kernels[..., y, x], expected, rtol=1e-9, atol=1e-14)
    positions = IMAGE.get_coord().skycoord
    from_migration = migrations.get_edisp_kernel(RECO, positions[6, 7]).pdf_matrix
    np.testing.assert_allclose(kernels[..., 6, 7], from_migration, rtol=1e-9, atol=1e-14)


# ---- background ----


def expected_background(bkg, geom, lon, lat, seconds):
    """Rate at the edges, integrated as power laws, pixel by pixel."""
    edges = geom.axes["energy"].edges[:, None, None]
    rate = bkg.evaluate(energy=edges, fov_lon=lon * u.deg, fov_lat=lat * u.deg).to_value("s-1 TeV-1 sr-1")
    energy = geom.axes["energy"].edges.to_value("TeV")
    a, b = energy[:-1, None, None], energy[1:, None, None]
    with np.errstate(all="ignore"):
        index = np.log(rate[1:] / rate[:-1]) / np.log(b / a) + 1
        integral = rate[:-1] * a * np.expm1(index * np.log(b / a)) / index
    return np.nan_to_num(integral) * geom.to_image().solid_angle().to_value("sr") * seconds


@pytest.mark.parametrize("alignment", ["RADEC", "REVERSE_LON_RADEC"])
@pytest.mark.parametrize("image", [IMAGE, GALACTIC], ids=["icrs", "galactic"])
def test_background_aligned_with_the_sky(alignment, image):
    geom = image.to_cube([RECO])
    bkg = make_bkg3d(alignment)
    counts = make_map_background_irf(POINTING, 1000 * u.s, bkg, geom)
    lon, lat = (value.reshape(image.data_shape) for value in equatorial_fov(image, POINTING))
    sign = -1 if alignment == "RADEC" else 1
    np.testing.assert_allclose(counts.data, expected_background(bkg, geom, sign * lon, lat, 1000), rtol=1e-9)
    assert counts.unit == ""


def test_background_power_law_is_integrated_exactly():
    axis = MapAxis.from_energy_bounds("0.01 TeV", "1000 TeV", 30)
    data = np.repeat(1e-6 * axis.center.value[:, None] ** -2.0, 3, axis=1)
    bkg = Background2D([axis, OFFSET], data, "s-1 TeV-1 sr-1")
    geom = WcsGeom.create(skydir=POINTING, npix=3, binsz=0.1, axes=[RECO])
    counts = make_map_background_irf(POINTING, 1 * u.h, bkg, geom).data
    edges = RECO.edges.value
    rate = 1e-6 * (1 / edges[:-1] - 1 / edges[1:])
    expected = rate[:, None, None] * 3600 * geom.solid_angle().to_value("sr")
    np.testing.assert_allclose(counts, expected, rtol=1e-9)


def test_zero_rates_and_energies_outside_give_zero():
    bkg = make_bkg3d()
    data = bkg.data.copy()
    data[:, :3] = 0.0
    wide = MapAxis.from_energy_bounds("0.01 TeV", "20 TeV", 6)
    counts = make_map_background_irf(POINTING, 1 * u.h, bkg.copy(data=data), IMAGE.to_cube([wide])).data
    assert np.isfinite(counts).all()
    assert (counts[0] == 0).all()
    assert (counts[-1] == 0).any()
    assert (counts[-1] > 0).any()


def test_radial_background_is_held_or_extrapolated_at_its_edge():
    axis = MapAxis.from_energy_bounds("0.1 TeV", "100 TeV", 6)
    bkg = Background2D([axis, OFFSET], random_table((6, 3), 5) * 1e-6, "s-1 MeV-1 sr-1")
    geom = WcsGeom.create(skydir=POINTING, npix=(41, 1), binsz=0.2, axes=[RECO], proj="TAN")
    offset = pixel_offsets(geom, POINTING)[0]
    held = make_map_background_irf(POINTING, 1 * u.h, bkg, geom).data[:, 0]
    extrapolated = make_map_background_irf(POINTING, 1 * u.h, bkg, geom, pad_offset=False).data[:, 0]
    area = geom.solid_angle().value[0]
    outer = (offset > 2.0) & (offset < 3.5)
    np.testing.assert_allclose((held / area)[:, outer], (held / area)[:, outer][:, :1].repeat(outer.sum(), axis=1))
    assert (held[:, offset > 3.5] == 0).all()
    assert (extrapolated[:, offset > 2.5] == 0).all()
    inner = (offset > 0.25) & (offset < 2.0)
    np.testing.assert_allclose(held[:, inner], extrapolated[:, inner], rtol=1e-12)


def test_oversampling_refines_the_integral():
    bkg, geom = make_bkg3d(), IMAGE.to_cube([MapAxis.from_energy_bounds("0.2 TeV", "50 TeV", 2)])
    single, fine, finer = (
        make_map_background_irf(POINTING, 1 * u.h, bkg, geom, oversampling=number).data.sum(axis=(1, 2))
        for number in (None, 20, 60)
    )
    assert fine.shape == (2,)
    np.testing.assert_allclose(fine, finer, rtol=1e-2)
    assert np.all(np.abs(single - finer) > np.abs(fine - finer))


def test_background_turns_with_the_horizon():
    pointing = FixedPointingInfo(fixed_icrs=POINTING)
    start, ontime = Time("2020-01-01T21:00:00"), 1 * u.h
    geom, bkg = IMAGE.to_cube([RECO]), make_bkg3d("ALTAZ")
    counts = make_map_background_irf(pointing, ontime, bkg, geom, start, "0.5 deg", location=PLACE).data
    # every minute, with the coordinates of astropy
    positions, total = IMAGE.get_coord().skycoord, 0
    times = start + np.linspace(0, 1, 61) * ontime
    for time, weight in zip(times, np.r_[0.5, np.ones(59), 0.5] / 60, strict=True):
        frame = AltAz(obstime=time, location=PLACE)
        there, here = positions.transform_to(frame), POINTING.transform_to(frame)
        lon, lat = fov_coordinates(there.az.rad, there.alt.rad, here.az.rad, here.alt.rad)
        # longitudes in the response are reversed with respect to the sky
        total = total + weight * expected_background(bkg, geom, -lon, lat, 3600)
    inside = pixel_offsets(IMAGE, POINTING) < 2.5
    np.testing.assert_allclose(counts[:, inside], total[:, inside], rtol=5e-3)
    fixed = make_map_background_irf(POINTING, ontime, bkg.copy(fov_alignment="RADEC"), geom).data
    assert np.abs(counts / fixed - 1)[:, inside].max() > 0.1


def test_horizon_needs_time_and_place():
    with pytest.raises(ValueError, match="location of the observatory"):
        make_map_background_irf(POINTING, 1 * u.h, make_bkg3d("ALTAZ"), IMAGE.to_cube([RECO]))
    drift = FixedPointingInfo(fixed_altaz=SkyCoord(alt=80, az=0, unit="deg", frame="altaz"))
    with pytest.raises(ValueError, match="drift"):
        make_map_background_irf(drift, 1 * u.h, make_bkg3d(), IMAGE.to_cube([RECO]))


def test_gaps_between_energies_are_filled():
    bkg = make_bkg3d()
    data = bkg.data.copy()
    data[4, 2, 3], data[5, 2, 3], data[0, 1, 1], data[:, 4, 4] = 0.0, np.nan, 0.0, 0.0
    filled = fill_gaps(bkg.copy(data=data)).data
    logs = np.log(bkg.data[[3, 6], 2, 3])
    np.testing.assert_allclose(np.log(filled[4:6, 2, 3]), logs[0] + np.diff(logs) * np.array([1, 2]) / 3)
    assert filled[0, 1, 1] == 0  # nothing on one side
    assert (filled[:, 4, 4] == 0).all()
    np.testing.assert_array_equal(np.isnan(data), np.isnan(bkg.copy(data=data).data))


def test_rates_that_fall_as_one_over_energy():
    rate = np.log(np.array([[1.0], [0.5], [0.25]]))
    np.testing.assert_allclose(integrate_rate(rate, np.array([1.0, 2.0, 4.0])), np.full((2, 1), np.log(2)), rtol=1e-9)
    assert integrate_rate(np.array([[-np.inf], [0.0]]), np.array([1.0, 2.0])) == 0


def test_region_of_the_sky():
    geom = RegionGeom.create("icrs;circle(83.6, 22.0, 0.1)", axes=[TRUE])
    exposure = make_map_exposure_true_energy(POINTING, 1 * u.h, make_aeff(), geom)
    expected = make_aeff().evaluate(energy_true=TRUE.center, offset=0.5 * u.deg).value * 3600
    np.testing.assert_allclose(exposure.data.ravel(), expected, rtol=1e-9)
