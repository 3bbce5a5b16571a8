"""Point spread functions and energy dispersions on the sky: values, stacking, parts, kernels."""

import logging

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

from gjax.irf import EDispKernel, EDispKernelMap, EDispMap, PSFKernel, PSFMap, RecoPSFMap
from gjax.irf.irf_map import stack_weighted
from gjax.irf.positions import aligned_slices, position_weights
from gjax.maps import Map, MapAxis, RegionGeom, WcsGeom
from gjax.maps.coord import MapCoord

TRUE = MapAxis.from_energy_bounds("0.5 TeV", "50 TeV", 4, name="energy_true")
RECO = MapAxis.from_energy_bounds("1 TeV", "10 TeV", 3)
CENTER = SkyCoord(83.6, 22.0, unit="deg")
IMAGE = WcsGeom.create(skydir=CENTER, npix=(5, 4), binsz=0.5, proj="TAN")


def psf_with_two_widths():
    """Narrow in the left half of the image, wide in the right half."""
    narrow, wide = (PSFMap.from_gauss(TRUE, sigma=sigma, geom=IMAGE) for sigma in ("0.05 deg", "0.1 deg"))
    data = narrow.psf_map.data.copy()
    data[..., 3:] = wide.psf_map.data[..., 3:]
    return narrow.copy(psf_map=narrow.psf_map.copy(data=data))


# ---- point spread functions ----


@pytest.mark.parametrize("sigma", [0.05, 0.1])
def test_containment_of_a_gaussian(sigma):
    psf = PSFMap.from_gauss(TRUE, sigma=sigma * u.deg)
    for fraction in (0.3, 0.68, 0.9):
        radius = sigma * np.sqrt(-2 * np.log(1 - fraction))
        assert psf.containment(radius * u.deg, "2 TeV").value == pytest.approx(fraction, abs=4e-3)
        assert psf.containment_radius(fraction, "2 TeV").value == pytest.approx(radius, rel=8e-3)


def test_containment_and_radius_are_inverse_to_each_other():
    psf = PSFMap.from_gauss(TRUE, sigma=[0.05, 0.06, 0.08, 0.1] * u.deg)
    fractions = np.array([0.1, 0.5, 0.9])[:, np.newaxis]
    energies = [0.6, 1.7, 20.0] * u.TeV
    radius = psf.containment_radius(fractions, energies)
    assert radius.shape == (3, 3)
    np.testing.assert_allclose(psf.containment(radius, energies).value, np.broadcast_to(fractions, (3, 3)), rtol=1e-9)


def test_fraction_that_is_not_reached():
    psf = PSFMap.from_gauss(TRUE, sigma="0.5 deg")  # the axis ends at 0.66 deg
    assert np.isnan(psf.containment_radius(0.9, "1 TeV"))
    assert psf.normalize().containment("0.66 deg", "1 TeV").value == pytest.approx(1.0)


def test_sigma_per_energy_must_fit():
    with pytest.raises(ValueError, match="one per energy bin"):
        PSFMap.from_gauss(TRUE, sigma=[0.1, 0.2] * u.deg)


def test_radial_profile_is_bilinear_between_pixels():
    psf = psf_with_two_widths()
    lon, lat = IMAGE.wcs.wcs_pix2world([2.0, 2.25, 3.0], [1.0, 1.5, 2.0], 0)
    profiles = [psf.radial_profile(SkyCoord(x, y, unit="deg"))[1] for x, y in zip(lon, lat, strict=True)]
    assert profiles[0].shape == (4, 66)
    np.testing.assert_allclose(profiles[1], 0.75 * profiles[0] + 0.25 * profiles[2], rtol=1e-6)


def test_pixels_without_psf_do_not_dilute_their_neighbours():
    psf = psf_with_two_widths()
    data = psf.psf_map.data.copy()
    data[..., :2] = 0.0
    psf = psf.copy(psf_map=psf.psf_map.copy(data=data))
    lon, lat = IMAGE.wcs.wcs_pix2world(1.7, 1.0, 0)
    _, density = psf.radial_profile(SkyCoord(lon, lat, unit="deg"))
    np.testing.assert_allclose(density, data[:, :, 1, 2], rtol=1e-12)


def test_nearest_valid_position_is_reported(caplog):
    psf = psf_with_two_widths()
    data = psf.psf_map.data.copy()
    data[..., :4] = 0.0
    psf = psf.copy(psf_map=psf.psf_map.copy(data=data))
    with caplog.at_level(logging.WARNING):
        _, density = psf.radial_profile(CENTER)
    assert "nothing is known" in caplog.text
    assert density.max() > 0


def test_radius_map_shows_both_widths():
    radius = psf_with_two_widths().containment_radius_map("1 TeV", 0.68)
    assert radius.unit == u.deg
    np.testing.assert_allclose(radius.data[:, 3:] / radius.data[:, :3].mean(), 2, rtol=0.02)


def test_to_image_weights_with_exposure():
    psf = PSFMap.from_gauss(TRUE, sigma=[0.05, 0.05, 0.1, 0.1] * u.deg)
    exposure = psf.exposure_map.copy(data=np.array([0.0, 0.0, 1.0, 1.0]).reshape(4, 1, 1, 1))
    image = psf.copy(exposure_map=exposure).to_image()
    np.testing.assert_allclose(image.psf_map.data[0], psf.psf_map.data[2], rtol=1e-12)


def test_reconstructed_energy():
    psf = RecoPSFMap.from_gauss(RECO, sigma="0.1 deg")
    assert psf.energy_name == "energy"
    assert psf.containment_radius(0.68, energy="2 TeV").value == pytest.approx(0.151, rel=0.01)
    with pytest.raises(NotImplementedError):
        psf.stack(psf)


def test_wrong_axes_are_refused():
    geom = RegionGeom.create(None, axes=[TRUE, MapAxis.from_bounds(0, 1, 3, unit="deg", name="rad")])
    with pytest.raises(ValueError, match="needs the axes"):
        PSFMap(Map.from_geom(geom, unit="sr-1"))


def test_exposure_on_other_pixels_is_refused():
    psf = PSFMap.from_gauss(TRUE, geom=IMAGE)
    with pytest.raises(ValueError, match="pixels"):
        psf.copy(exposure_map=PSFMap.from_gauss(TRUE).exposure_map)


def events(number, position=CENTER):
    return MapCoord.create(
        {"skycoord": position[np.newaxis].take(np.zeros(number, int)), "energy_true": np.full(number, 2.0) * u.TeV}
    )


def test_sampled_positions_follow_the_profile():
    psf = psf_with_two_widths()
    lon, lat = IMAGE.wcs.wcs_pix2world([0.0, 4.0], [1.0, 1.0], 0)
    for x, y, sigma in zip(lon, lat, (0.05, 0.1), strict=True):
        source = SkyCoord(x, y, unit="deg")
        moved = psf.sample_coord(events(20000, source), 1)
        radius = moved.skycoord.separation(source).deg
        for fraction in (0.2, 0.5, 0.9):
            expected = sigma * np.sqrt(-2 * np.log(1 - fraction))
            assert np.mean(radius < expected) == pytest.approx(fraction, abs=0.015)
        angle = source.position_angle(moved.skycoord).rad
        assert abs(np.exp(1j * angle).mean()) < 0.03
        np.testing.assert_array_equal(moved["energy_true"].value, 2.0)


def test_samples_where_nothing_is_known():
    psf = PSFMap.from_gauss(TRUE)
    moved = psf.copy(psf_map=psf.psf_map * 0).sample_coord(events(3), 1)
    assert np.isnan(moved.lon.value).all()


# ---- kernels ----


def test_kernel_is_normalised_centred_and_as_wide_as_the_psf():
    geom = WcsGeom.create(skydir=CENTER, npix=51, binsz=0.02, proj="TAN", axes=[TRUE])
    kernel = PSFMap.from_gauss(TRUE, sigma="0.1 deg").get_psf_kernel(geom)
    assert isinstance(kernel, PSFKernel)
    np.testing.assert_allclose(kernel.data.sum(axis=(1, 2)), 1, rtol=1e-12)
    side = kernel.data.shape[-1]
    assert side % 2 == 1
    x = (np.arange(side) - side // 2) * 0.02
    variance = (kernel.data[0] * (x**2 + x[:, np.newaxis] ** 2)).sum() / 2
    assert np.sqrt(variance) == pytest.approx(0.1, rel=0.01)
    np.testing.assert_allclose(kernel.data, kernel.data[:, ::-1, ::-1], rtol=1e-9)


def test_kernel_within_a_radius():
    geom = WcsGeom.create(skydir=CENTER, npix=51, binsz=0.02, proj="TAN", axes=[TRUE])
    kernel = PSFMap.from_gauss(TRUE, sigma="0.1 deg").get_psf_kernel(geom, max_radius="0.1 deg")
    assert kernel.data.shape == (4, 11, 11)
    assert kernel.to_image().data.shape == (1, 11, 11)
    assert kernel.slice_by_idx({"energy_true": slice(1, 3)}).data.shape == (2, 11, 11)


def test_gaussian_kernel_and_its_file(tmp_path):
    geom = WcsGeom.create(skydir=CENTER, npix=51, binsz=0.02, proj="TAN", axes=[TRUE])
    kernel = PSFKernel.from_gauss(geom, "0.1 deg", max_radius="0.5 deg")
    np.testing.assert_allclose(kernel.data.sum(axis=(1, 2)), 1)
    sampled = PSFMap.from_gauss(TRUE, sigma="0.1 deg").get_psf_kernel(geom, max_radius="0.5 deg", containment=0.9999999)
    assert np.abs(kernel.data - sampled.data).max() < 0.01 * kernel.data.max()
    kernel.write(tmp_path / "kernel.fits")
    np.testing.assert_allclose(PSFKernel.read(tmp_path / "kernel.fits").data, kernel.data)


# ---- stacking and parts ----


def test_stacking_weights_with_exposure():
    mean, exposure = stack_weighted(
        np.array([1.0, 2.0]), np.array([1.0, 0.0]), np.array([4.0, np.nan]), np.array([2.0, 0])
    )
    np.testing.assert_allclose(mean, [3.0, 0.0])
    np.testing.assert_allclose(exposure, [3.0, 0.0])


def test_stack_of_a_cutout():
    psf = PSFMap.from_gauss(TRUE, sigma="0.05 deg", geom=IMAGE)
    other = PSFMap.from_gauss(TRUE, sigma="0.1 deg", geom=IMAGE)
    other = other.copy(exposure_map=other.exposure_map * 3)
    part = other.cutout(CENTER, "1 deg", min_npix=1)
    assert part.geom.data_shape[-2:] != IMAGE.data_shape[-2:]
    stacked = psf.stack(part)
    ours, theirs = aligned_slices(psf.geom, part.geom)
    expected = 0.25 * psf.psf_map.data[ours] + 0.75 * part.psf_map.data[theirs]
    np.testing.assert_allclose(stacked.psf_map.data[ours], expected, rtol=1e-12)
    np.testing.assert_allclose(stacked.exposure_map.data[ours], 4)
    np.testing.assert_allclose(stacked.psf_map.data[..., 0, 0], psf.psf_map.data[..., 0, 0])
    np.testing.assert_allclose(psf.exposure_map.data, 1)  # the first one is not changed


def test_stack_with_a_mask():
    psf, other = (PSFMap.from_gauss(TRUE, sigma=sigma, geom=IMAGE) for sigma in ("0.05 deg", "0.1 deg"))
    mask = np.zeros(IMAGE.data_shape, dtype=bool)
    mask[:, :2] = True
    stacked = psf.stack(other, weights=Map.from_geom(IMAGE, data=mask))
    np.testing.assert_allclose(stacked.exposure_map.data[..., :2], 2)
    np.testing.assert_allclose(stacked.psf_map.data[..., 2:], psf.psf_map.data[..., 2:])


def test_stack_masks_reconstructed_energies_of_a_dispersion():
    kernels = [EDispKernelMap.from_diagonal_response(RECO, RECO.copy(name="energy_true"), geom=IMAGE) for _ in range(2)]
    geom = IMAGE.to_cube([RECO])
    mask = np.ones(geom.data_shape, dtype=bool)
    mask[0] = False
    weights = Map.from_geom(IMAGE.to_cube([RECO, TRUE.squash()]), data=mask[np.newaxis])
    stacked = kernels[0].stack(kernels[1], weights=weights)
    np.testing.assert_allclose(stacked.exposure_map.data, 2)
    np.testing.assert_allclose(stacked.get_edisp_kernel().pdf_matrix, np.diag([0.5, 1, 1]))


def test_stack_needs_exposures_and_one_grid():
    psf = PSFMap.from_gauss(TRUE, geom=IMAGE)
    with pytest.raises(ValueError, match="exposure_map"):
        psf.stack(psf.copy(exposure_map=None))
    with pytest.raises(ValueError, match="pixel grid"):
        psf.stack(PSFMap.from_gauss(TRUE, geom=IMAGE.to_binsz(0.25)))
    with pytest.raises(ValueError, match="not the same"):
        psf.stack(PSFMap.from_gauss(RECO.copy(name="energy_true"), geom=IMAGE))


def test_slices_and_energy_ranges():
    psf = PSFMap.from_gauss(TRUE, geom=IMAGE)
    assert psf.slice_by_idx({"energy_true": slice(0, 2), "energy": slice(0, 1)}).geom.data_shape == (2, 66, 4, 5)
    part = psf.slice_by_energy("1.6 TeV", "16 TeV")
    assert part.axes["energy_true"].nbin == 2
    assert part.exposure_map.geom.data_shape == (2, 1, 4, 5)
    with pytest.raises(ValueError, match="no bin"):
        psf.slice_by_energy("1.6 TeV", "1.5 TeV")


def test_mean_over_a_region():
    psf = psf_with_two_widths()
    everywhere = psf.to_region_nd_map(CircleSkyRegion(CENTER, 5 * u.deg))
    np.testing.assert_allclose(everywhere.psf_map.data[..., 0, 0], psf.psf_map.data.mean(axis=(-2, -1)), rtol=1e-12)
    here = psf.to_region_nd_map(CENTER)
    assert here.has_single_spatial_bin
    assert here.containment_radius(0.5, "1 TeV") > 0


def test_position_weights_add_up_and_stay_inside():
    lon, lat = IMAGE.wcs.wcs_pix2world(1.3, 2.6, 0)
    corners = position_weights(IMAGE, SkyCoord(lon, lat, unit="deg"))
    assert sum(weight for *_, weight in corners) == pytest.approx(1)
    assert sum(x * weight for _, x, weight in corners) == pytest.approx(1.3)
    assert sum(y * weight for y, _, weight in corners) == pytest.approx(2.6)
    far = position_weights(IMAGE, SkyCoord(90, 22, unit="deg"))
    assert all(0 <= x < 5 and 0 <= y < 4 for y, x, _ in far)
    with pytest.raises(ValueError, match="unknown method"):
        position_weights(IMAGE, CENTER, "cubic")


# ---- energy dispersion ----


def test_diagonal_dispersions():
    true = RECO.copy(name="energy_true")
    for edisp in (
        EDispKernelMap.from_diagonal_response(RECO, true),
        EDispKernelMap.from_geom(IMAGE.to_cube([RECO, true])),
        EDispMap.from_diagonal_response(true, geom=IMAGE),
    ):
        np.testing.assert_allclose(edisp.get_edisp_kernel(energy_axis=RECO).pdf_matrix, np.eye(3), atol=1e-6)


def test_map_of_migrations_and_map_of_kernels_agree():
    migra = MapAxis.from_bounds(0.2, 3, 140, name="migra")
    geom = IMAGE.to_cube([migra, TRUE])
    density = np.exp(-0.5 * ((migra.center.value - 1.05) / 0.15) ** 2)[:, np.newaxis, np.newaxis]
    edisp = EDispMap(Map.from_geom(geom, data=np.broadcast_to(density, geom.data_shape).copy())).normalize()
    kernels = edisp.to_edisp_kernel_map(RECO)
    np.testing.assert_allclose(kernels.get_edisp_kernel().pdf_matrix, edisp.get_edisp_kernel(RECO).pdf_matrix)
    gauss = EDispKernelMap.from_gauss(RECO, TRUE, sigma=0.15, bias=0.05).get_edisp_kernel()
    np.testing.assert_allclose(kernels.get_edisp_kernel().pdf_matrix, gauss.pdf_matrix, atol=2e-3)


def test_kernel_of_another_axis_is_refused():
    edisp = EDispKernelMap.from_diagonal_response(RECO, TRUE)
    with pytest.raises(ValueError, match="energy dispersion is for"):
        edisp.get_edisp_kernel(energy_axis=MapAxis.from_energy_bounds("1 TeV", "20 TeV", 3))


def test_resampling_keeps_probabilities():
    edisp = EDispKernelMap.from_gauss(RECO, TRUE, sigma=0.2, bias=0)
    coarse = MapAxis.from_energy_edges(RECO.edges[[0, 2, 3]], name="energy")
    matrix = edisp.resample_energy_axis(coarse).get_edisp_kernel().pdf_matrix
    full = edisp.get_edisp_kernel().pdf_matrix
    np.testing.assert_allclose(matrix, np.stack([full[:, :2].sum(axis=1), full[:, 2]], axis=1))
    np.testing.assert_allclose(edisp.to_image().edisp_map.data.ravel(), full.sum(axis=1))


def test_sampled_energies_have_the_width_of_the_dispersion():
    migra = MapAxis.from_bounds(0.2, 3, 280, name="migra")
    geom = RegionGeom.create(None, axes=[migra, TRUE])
    density = np.exp(-0.5 * ((migra.center.value - 1) / 0.1) ** 2)[:, np.newaxis, np.newaxis]
    edisp = EDispMap(Map.from_geom(geom, data=np.broadcast_to(density, geom.data_shape).copy())).normalize()
    energy = edisp.sample_coord(events(20000), 2)["energy"].value
    assert energy.mean() == pytest.approx(2, rel=0.005)
    assert energy.std() == pytest.approx(0.2, rel=0.03)


def test_sampled_energies_follow_the_matrix():
    edisp = EDispKernelMap.from_gauss(RECO, TRUE, sigma=0.5, bias=0)
    row = int(TRUE.coord_to_idx([2] * u.TeV)[0])
    expected = edisp.get_edisp_kernel().pdf_matrix[row]
    assert expected.sum() < 0.995  # some events are lost
    energy = edisp.sample_coord(events(20000), 3)["energy"].value
    assert np.isnan(energy).mean() == pytest.approx(1 - expected.sum(), abs=0.01)
    found = np.histogram(energy[np.isfinite(energy)], RECO.edges.value)[0] / 20000
    np.testing.assert_allclose(found, expected, atol=0.012)


def test_one_kernel_everywhere():
    kernel = EDispKernel.from_gauss(TRUE, RECO, sigma=0.1, bias=0)
    edisp = EDispKernelMap.from_edisp_kernel(kernel, geom=IMAGE)
    np.testing.assert_allclose(edisp.get_edisp_kernel(SkyCoord(83, 22.5, unit="deg")).pdf_matrix, kernel.pdf_matrix)
