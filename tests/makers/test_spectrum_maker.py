"""Counts, exposure, energy dispersion and background of a region, against closed forms."""

import logging

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion, EllipseSkyRegion, PointSkyRegion
from synthetic_observation import (
    ENERGY,
    ENERGY_TRUE,
    IRF_ENERGY,
    OFFSET,
    POINTING,
    PSF_SIGMA,
    SOURCE,
    empty_dataset,
    make_aeff,
    make_bkg,
    make_edisp,
    make_observation,
    make_rad_max,
)

from gjax.errors import DataFormatError, MissingDataError
from gjax.irf import Background3D
from gjax.makers import SpectrumDatasetMaker
from gjax.makers.project import fill_gaps, fov_coordinates, region_positions
from gjax.maps import MapAxis, RegionGeom


@pytest.fixture(scope="module")
def observation():
    return make_observation()


def histogram(events, inside):
    return np.histogram(events.energy.to_value("TeV")[inside], ENERGY.edges.to_value("TeV"))[0]


def reduce(observation, region=None, **kwargs):
    kwargs.setdefault("selection", None)
    return SpectrumDatasetMaker(**kwargs).run(empty_dataset(region), observation)


def test_counts_are_the_events_in_the_circle(observation):
    dataset = reduce(observation)
    inside = observation.events.radec.separation(SOURCE).deg < 0.11
    assert inside.sum() > 200
    np.testing.assert_array_equal(dataset.counts.data.ravel(), histogram(observation.events, inside))
    assert dataset.mask_safe.data.all()
    assert dataset.name == "empty"
    assert dataset.gti is observation.gti
    assert dataset.meta["OBS_ID"] == 1
    assert dataset.livetime.to_value("s") == pytest.approx(1700)


def test_reference_dataset_is_not_changed(observation):
    empty = empty_dataset()
    SpectrumDatasetMaker(selection=None).run(empty, observation)
    assert empty.counts.data.sum() == 0
    assert empty.exposure.data.sum() == 0


def test_counts_within_energy_dependent_cuts():
    observation = make_observation(rad_max=make_rad_max(), aeff=make_aeff(is_pointlike=True))
    dataset = reduce(observation, PointSkyRegion(SOURCE), selection=["counts"])
    energy = observation.events.energy.to_value("TeV")
    inside = observation.events.radec.separation(SOURCE).deg <= np.where(energy < 1, 0.2, 0.1)
    np.testing.assert_array_equal(dataset.counts.data.ravel(), histogram(observation.events, inside))


def test_exposure_at_the_centre(observation):
    exposure = reduce(observation).exposure
    expected = 1700 * 1e5 * ENERGY_TRUE.center.value**0.5 * (1 - 0.2 * 0.5)
    assert exposure.unit == "m2 s"
    # Between the bin centres of the response the power law is interpolated linearly in log(E).
    np.testing.assert_allclose(exposure.data.ravel(), expected, rtol=2e-2)
    at_nodes = SpectrumDatasetMaker().make_exposure(
        empty_dataset().counts.geom, IRF_ENERGY.slice(slice(2, 10)), observation
    )
    nodes = 1700 * 1e5 * IRF_ENERGY.center.value[2:10] ** 0.5 * 0.9
    np.testing.assert_allclose(at_nodes.data.ravel(), nodes, rtol=1e-9)


def test_exposure_averaged_over_the_region(observation):
    center = reduce(observation).exposure.data
    averaged = reduce(observation, use_region_center=False).exposure.data
    # The mean distance of a disc of radius r from a point at distance d is d (1 + r^2 / 8 d^2) to second order.
    distance = 0.5 * (1 + 0.11**2 / (8 * 0.5**2))
    np.testing.assert_allclose(averaged / center, (1 - 0.2 * distance) / 0.9, atol=3e-6)
    assert (averaged < center).all()


def test_positions_fill_the_region():
    for region in (CircleSkyRegion(SOURCE, 0.3 * u.deg), EllipseSkyRegion(SOURCE, 1 * u.deg, 0.01 * u.deg, 20 * u.deg)):
        geom = RegionGeom.create(region)
        positions = region_positions(geom, use_region_center=False)
        assert len(positions) > 150
        assert geom.contains(positions).all()
        assert positions.ra.deg.mean() == pytest.approx(83.63, abs=5e-3)
        assert positions.dec.deg.mean() == pytest.approx(22.01, abs=5e-3)


def test_containment_correction(observation):
    plain, corrected = reduce(observation), reduce(observation, containment_correction=True)
    expected = 1 - np.exp(-(0.11**2) / (2 * PSF_SIGMA**2))
    np.testing.assert_allclose(corrected.exposure.data / plain.exposure.data, expected, rtol=1e-4)
    assert corrected.livetime.to_value("s") == pytest.approx(1700)
    np.testing.assert_allclose(corrected.edisp_exposure.data, plain.exposure.data)


def test_containment_correction_needs_a_circle_and_a_full_response():
    with pytest.raises(ValueError, match="circle"):
        reduce(make_observation(), EllipseSkyRegion(SOURCE, 0.3 * u.deg, 0.2 * u.deg), containment_correction=True)
    pointlike = make_observation(aeff=make_aeff(is_pointlike=True))
    with pytest.raises(ValueError, match="observation 1: no containment correction"):
        reduce(pointlike, containment_correction=True)


def test_energy_dispersion(observation):
    kernel = reduce(observation).edisp
    expected = observation.edisp.to_edisp_kernel(0.5 * u.deg, ENERGY_TRUE, ENERGY)
    np.testing.assert_allclose(kernel.pdf_matrix, expected.pdf_matrix, atol=1e-12)
    assert kernel.pdf_matrix.sum(axis=1).max() == pytest.approx(1, abs=1e-6)


def power_law_counts(edges, radius_deg=0.11):
    """Counts of 1e-6 (E / TeV)^-2.5 per s, MeV and sr in a circle, in 1800 s."""
    integral = 1e-6 * 1e6 * (edges[:-1] ** -1.5 - edges[1:] ** -1.5) / 1.5
    return integral * np.pi * np.radians(radius_deg) ** 2 * 1800


@pytest.mark.parametrize("use_region_center", [True, False])
def test_background_of_a_flat_field_of_view(observation, use_region_center):
    background = reduce(observation, use_region_center=use_region_center).background
    np.testing.assert_allclose(background.data.ravel(), power_law_counts(ENERGY.edges.value), rtol=1e-5)


def test_background_outside_the_offset_axis():
    observation = make_observation(pointing=SOURCE.directional_offset_by(0 * u.deg, 3.2 * u.deg))
    assert reduce(observation, selection=["background"]).background.data.sum() == 0
    # Beyond the last bin centre, but inside the last bin, the rate is that of the last bin.
    observation = make_observation(pointing=SOURCE.directional_offset_by(0 * u.deg, 2.8 * u.deg))
    background = reduce(observation, selection=["background"]).background.data.ravel()
    np.testing.assert_allclose(background, power_law_counts(ENERGY.edges.value), rtol=1e-5)


def background_3d(slope_lon=0.0, slope_lat=0.0, fov_alignment="RADEC"):
    lon = MapAxis.from_bounds(-3, 3, 30, unit="deg", name="fov_lon")
    lat = lon.copy(name="fov_lat")
    gradient = np.exp(slope_lon * lon.center.value[:, np.newaxis] + slope_lat * lat.center.value)
    data = 1e-6 * IRF_ENERGY.center.value[:, np.newaxis, np.newaxis] ** -2.5 * gradient
    axes = [IRF_ENERGY.copy(name="energy"), lon, lat]
    return Background3D(axes, data, "s-1 MeV-1 sr-1", fov_alignment=fov_alignment)


@pytest.mark.parametrize(
    ("alignment", "position_angle", "expected"),
    [("RADEC", 90, -1), ("REVERSE_LON_RADEC", 90, 1), ("RADEC", 0, 2), ("RADEC", 180, -2)],
)
def test_background_in_field_of_view_coordinates(alignment, position_angle, expected):
    """The reference analysis counts fov_lon against right ascension, unless told to reverse it."""
    bkg = background_3d(1.0, 2.0, alignment)
    observation = make_observation(bkg=bkg)
    center = POINTING.directional_offset_by(position_angle * u.deg, 1 * u.deg)
    dataset = reduce(observation, CircleSkyRegion(center, 0.11 * u.deg), selection=["background"])
    ratio = dataset.background.data.ravel() / power_law_counts(ENERGY.edges.value)
    np.testing.assert_allclose(np.log(ratio), expected, atol=2e-2)


def test_background_aligned_with_the_horizon():
    radial = Background3D(
        background_3d().axes,
        background_3d().data * np.exp(-np.hypot(*np.meshgrid(*[background_3d().axes["fov_lon"].center.value] * 2))),
        "s-1 MeV-1 sr-1",
    )
    turning = radial.copy(fov_alignment="ALTAZ")
    counts = [
        reduce(make_observation(bkg=bkg), selection=["background"]).background.data.sum() for bkg in (radial, turning)
    ]
    assert counts[1] == pytest.approx(counts[0], rel=0.02)
    # With a gradient the result changes as the field turns, and differs from that of a fixed field.
    tilted = [
        reduce(make_observation(bkg=background_3d(1.0, 0.0, alignment)), selection=["background"]).background.data.sum()
        for alignment in ("RADEC", "ALTAZ")
    ]
    assert abs(tilted[1] / tilted[0] - 1) > 0.05


def test_fov_coordinates_agree_with_astropy():
    points = SkyCoord([84, 86, 120], [23, 20, -10], unit="deg")
    offset = points.transform_to(POINTING.skyoffset_frame())
    lon, lat = fov_coordinates(points.ra.rad, points.dec.rad, POINTING.ra.rad, POINTING.dec.rad)
    np.testing.assert_allclose(lon, offset.lon.wrap_at("180d").deg, atol=1e-9)
    np.testing.assert_allclose(lat, offset.lat.deg, atol=1e-9)


def test_gaps_in_the_background_are_filled():
    bkg = make_bkg()
    holes = bkg.data.copy()
    holes[8:10], holes[12, 0], holes[15] = 0, np.nan, 0
    holes[-1] = 0  # the end is no gap
    filled = fill_gaps(bkg.copy(data=holes)).data
    np.testing.assert_allclose(filled[:-1], bkg.data[:-1], rtol=1e-9)
    assert (filled[-1] == 0).all()


def test_averages_of_point_like_responses_are_warned_about(caplog):
    observation = make_observation(aeff=make_aeff(is_pointlike=True))
    with caplog.at_level(logging.WARNING):
        reduce(observation, selection=["exposure"], use_region_center=False)
    assert "point-like" in caplog.text


def test_region_outside_the_field_of_view(caplog):
    observation = make_observation(obs_id=77)
    with caplog.at_level(logging.WARNING):
        dataset = reduce(observation, "icrs;circle(90, 22, 0.1)", selection=["counts", "exposure"])
    assert dataset.exposure.data.sum() == 0
    assert "observation 77" in caplog.text
    assert "3.00 deg" in caplog.text


@pytest.mark.parametrize("part", ["exposure", "edisp", "background"])
def test_energies_that_no_response_covers(part):
    keys = {"energy_true": MapAxis.from_energy_bounds("300 TeV", "900 TeV", 3, name="energy_true")}
    if part == "background":
        keys = {"energy": MapAxis.from_energy_bounds("300 TeV", "900 TeV", 3)}
    with pytest.raises(ValueError, match=r"observation 1: .* covers 0.05 to 200 TeV, asked for 300 to 900 TeV"):
        SpectrumDatasetMaker(selection=[part]).run(empty_dataset(**keys), make_observation())


def test_energies_covered_in_part():
    axis = MapAxis.from_energy_bounds("1 TeV", "2000 TeV", 8, name="energy_true")
    dataset = SpectrumDatasetMaker().run(empty_dataset(energy_true=axis), make_observation())
    exposure = dataset.exposure.data.ravel()
    assert (exposure[axis.center.value < 200] > 0).all()
    assert (exposure[axis.center.value > 200] == 0).all()


@pytest.mark.parametrize("part", ["aeff", "edisp", "psf"])
def test_responses_with_nan(part):
    response = getattr(make_observation(), part)
    data = response.data.copy()
    if data.dtype.names:
        data["sigma_1"][3] = np.nan
    else:
        data[3] = np.nan
    broken = make_observation(**{part: response.copy(data=data)})
    with pytest.raises(DataFormatError, match="NaN"):
        reduce(broken, selection=["exposure", "edisp"], containment_correction=True)


def test_bad_live_time():
    class Broken:
        obs_id = 1
        aeff = make_aeff()
        observation_live_time_duration = np.nan * u.s

        def get_pointing_icrs(self):
            return POINTING

    with pytest.raises(DataFormatError, match="live time"):
        SpectrumDatasetMaker().make_exposure(empty_dataset().counts.geom, ENERGY_TRUE, Broken())


@pytest.mark.parametrize("part", ["aeff", "edisp", "psf", "bkg"])
def test_missing_responses(part):
    observation = make_observation(obs_id=5, **{part: None})
    with pytest.raises(MissingDataError, match=f"observation 5: no response of type '{part}'; it has: "):
        reduce(observation, containment_correction=True)


def test_empty_event_list():
    observation = make_observation(n_source=0, n_background=0)
    assert reduce(observation).counts.data.sum() == 0
    observation = observation.copy(rad_max=make_rad_max())
    assert reduce(observation, PointSkyRegion(SOURCE), selection=["counts"]).counts.data.sum() == 0


def test_points_need_cuts_and_have_no_background():
    with pytest.raises(ValueError, match="RAD_MAX"):
        reduce(make_observation(), PointSkyRegion(SOURCE), selection=["counts"])
    with pytest.raises(ValueError, match="solid angle"):
        reduce(make_observation(), PointSkyRegion(SOURCE), selection=["background"])


def test_selection():
    dataset = reduce(make_observation(), selection="exposure")
    assert dataset.counts.data.sum() == 0
    assert dataset.edisp is None
    assert dataset.background is None
    with pytest.raises(ValueError, match="unknown psf"):
        SpectrumDatasetMaker(selection=["psf"])


def test_geometry_without_region():
    from gjax.datasets import SpectrumDataset

    empty = SpectrumDataset.create(RegionGeom.create(None, axes=[ENERGY]), energy_axis_true=ENERGY_TRUE)
    with pytest.raises(ValueError, match="no region"):
        SpectrumDatasetMaker().run(empty, make_observation())


def test_axes_of_the_synthetic_responses():
    """Guards the closed forms above."""
    assert OFFSET.center.value.tolist() == [0.5, 1.5, 2.5]
    assert make_edisp().axes["energy_true"] == IRF_ENERGY
