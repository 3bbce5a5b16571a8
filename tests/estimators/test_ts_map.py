"""TS maps: against dense sums and full fits, bounds, bands, several datasets, bad input."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import gjax
from gjax.datasets import MapDatasetOnOff
from gjax.estimators import TSMapEstimator, estimate_exposure_reco_energy, flag_texts
from gjax.estimators._ts_cells import cell_batches
from gjax.estimators._ts_inputs import BandInput, lowest_norms, occupied_bins, source_totals
from gjax.estimators._ts_kernel import kernel_half_width, source_kernel
from gjax.models import (
    ConstantSpatialModel,
    GaussianSpatialModel,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
)

AMPLITUDE = 3e-11
OPTIONS = {"selection_optional": "all", "kernel_width": 0.4, "batch_size": 20_000}


def source(spatial=None):
    spectrum = PowerLawSpectralModel(index=2.2, amplitude=f"{AMPLITUDE} cm-2 s-1 TeV-1")
    return SkyModel(spectrum, spatial or PointSpatialModel("83.63 deg", "22.01 deg"), name="k")


@pytest.fixture(scope="module")
def maps(cube):
    return TSMapEstimator(source(), **OPTIONS).run(cube)


@pytest.fixture(scope="module")
def dense(cube):
    """A function that returns the statistic in the window around a pixel for a norm, and the largest negative norm."""
    kernel = source_kernel(cube, source(), 4)
    exposure = estimate_exposure_reco_energy(cube, source().spectral_model, normalize=False).data

    def make(y, x, cubes=(cube,)):
        parts = []
        for one in cubes:
            ny, nx = one.counts.data.shape[1:]
            mask = np.asarray(one.mask_safe.data, dtype=bool)
            y0, y1, x0, x1 = max(0, y - 4), min(ny, y + 5), max(0, x - 4), min(nx, x + 5)
            here = np.s_[:, y0:y1, x0:x1]
            there = np.s_[:, y0 - y + 4 : y1 - y + 4, x0 - x + 4 : x1 - x + 4]
            inside = mask[here]
            parts.append(
                (
                    one.counts.data[here][inside],
                    one.background.data[here][inside],
                    (kernel[there] * exposure[here])[inside],
                )
            )
        n, b, s = (np.concatenate(values) for values in zip(*parts))

        def statistic(norm):
            mu = b + norm * s
            with np.errstate(divide="ignore", invalid="ignore"):
                return 2 * np.sum(mu - np.where(n > 0, n * np.log(mu), 0.0))

        return statistic, -np.min(b[s > 0] / s[s > 0])

    return make


@pytest.mark.parametrize(("y", "x"), [(9, 10), (9, 14), (2, 3), (0, 0), (18, 20), (15, 5)])
def test_as_a_fit_to_all_bins_of_the_window(maps, dense, y, x):
    statistic, lowest = dense(y, x)
    best = minimize_scalar(statistic, bounds=(lowest + 1e-12, 20), method="bounded", options={"xatol": 1e-10})
    norm, ts = maps.norm.data[0, y, x], maps.ts.data[0, y, x]
    assert norm == pytest.approx(best.x, abs=2e-4)
    assert ts == pytest.approx(statistic(0.0) - best.fun, abs=2e-4)
    assert maps["stat"].data[0, y, x] == pytest.approx(best.fun, abs=2e-3)
    for name, rise in (("norm_errp", 1.0), ("norm_ul", 4.0)):
        there = maps[name].data[0, y, x] + (norm if name == "norm_errp" else 0.0)
        assert statistic(there) - statistic(norm) == pytest.approx(rise, rel=2e-3)
    below = maps["norm_errn"].data[0, y, x]
    if np.isfinite(below):
        assert statistic(norm - below) - statistic(norm) == pytest.approx(1.0, rel=2e-3)
    else:
        assert statistic(lowest) - statistic(norm) < 1.0
    scan = maps["dnde_scan_values"].data[:, 0, y, x] / source().spectral_model(maps.energy_axis.center).value
    found = np.array([statistic(value) - statistic(0.0) for value in scan])
    ours = maps["stat_scan"].data[:, 0, y, x]
    # at the bound a bin with counts is predicted empty, but for rounding
    at_bound = (scan <= lowest + 1e-6 * abs(lowest)) & np.isinf(ours)
    np.testing.assert_allclose(ours[~at_bound], found[~at_bound], atol=2e-3)
    assert not at_bound.all()


def test_sensitivity_is_what_average_data_would_show(maps, cube, dense):
    norm = maps["norm_sensitivity"].data[0, 9, 10]
    kernel = source_kernel(cube, source(), 4)
    exposure = estimate_exposure_reco_energy(cube, source().spectral_model, normalize=False).data[:, 5:14, 6:15]
    b, s = cube.background.data[:, 5:14, 6:15], kernel * exposure
    mu = b + norm * s
    assert 2 * np.sum(mu * np.log(mu / b) - norm * s) == pytest.approx(25.0, rel=1e-4)


def test_as_a_full_fit_at_a_position(cube):
    """With a window that holds all of the source, and the prediction that a fit would use in all bins."""
    maps = TSMapEstimator(source(), kernel_width=0.9).run(cube)
    lon, lat = cube.counts.geom.to_image().pix_to_coord((np.array([10.0, 12.0]), np.array([9.0, 8.0])))
    n, b = cube.counts.data, cube.background.data
    for (y, x), here in zip(((9, 10), (8, 12)), zip(lon.value, lat.value)):
        spatial = PointSpatialModel(*(float(value) for value in here))
        s = gjax.Likelihood(cube, source(spatial)).npred_signal()["cube"].data

        def statistic(norm, s=s):
            return 2 * np.sum(norm * s - n * np.log1p(norm * s / b))

        best = minimize_scalar(statistic, bounds=(0, 20), method="bounded", options={"xatol": 1e-10})
        assert maps.norm.data[0, y, x] == pytest.approx(best.x, rel=2e-3)
        assert maps.ts.data[0, y, x] == pytest.approx(-best.fun, rel=2e-3)


def test_batches_change_nothing(maps, cube):
    whole = TSMapEstimator(source(), kernel_width=0.4).run(cube)
    np.testing.assert_allclose(whole.norm.data, maps.norm.data, atol=1e-5)
    np.testing.assert_allclose(whole.ts.data, maps.ts.data, atol=1e-3)


def test_bands_are_fitted_on_their_own(maps, cube):
    edges = cube.counts.geom.axes["energy"].edges
    bands = TSMapEstimator(source(), kernel_width=0.4, energy_edges=edges[[0, 1, 3]]).run(cube)
    first = TSMapEstimator(source(), kernel_width=0.4).run(cube.slice_by_energy(edges[0], edges[1]))
    np.testing.assert_allclose(bands.norm.data[0], first.norm.data[0], atol=1e-5)
    assert np.all(bands.ts.data.sum(axis=0) > maps.ts.data[0] - 0.01)


def test_two_datasets_share_a_norm(make_cube, cube, dense):
    mask = np.ones((3, 19, 21), dtype=bool)
    mask[:, :, :9] = False
    other = make_cube("other", seed=5, source=20, mask_safe=mask)
    maps = TSMapEstimator(source(), kernel_width=0.4).run([cube, other])
    for y, x in ((9, 10), (4, 6), (3, 17)):
        statistic, lowest = dense(y, x, (cube, other))
        best = minimize_scalar(statistic, bounds=(lowest + 1e-12, 20), method="bounded", options={"xatol": 1e-10})
        assert maps.norm.data[0, y, x] == pytest.approx(best.x, abs=2e-4)
        assert maps.ts.data[0, y, x] == pytest.approx(statistic(0.0) - best.fun, abs=2e-4)


def test_summed_energies_are_an_image(cube):
    summed = TSMapEstimator(source(), kernel_width=0.4, sum_over_energy_groups=True).run(cube)
    kernel = source_kernel(cube, source(), 4)
    exposure = estimate_exposure_reco_energy(cube, source().spectral_model, normalize=False).data
    here = np.s_[5:14, 6:15]
    n, b = (m.data.sum(axis=0)[here] for m in (cube.counts, cube.background))
    s = (kernel * exposure[:, 5:14, 6:15]).sum(axis=0)

    def statistic(norm):
        return 2 * np.sum(b + norm * s - n * np.log(b + norm * s))

    best = minimize_scalar(statistic, bounds=(0, 20), method="bounded", options={"xatol": 1e-10})
    assert summed.norm.data[0, 9, 10] == pytest.approx(best.x, abs=2e-4)
    assert summed.ts.data[0, 9, 10] == pytest.approx(statistic(0.0) - best.fun, abs=2e-4)


def test_empty_windows_and_masks(make_cube):
    cube = make_cube(source=0)
    counts, mask = cube.counts.data.copy(), np.ones((3, 19, 21), dtype=bool)
    counts[:, :, :12] = 0
    mask[:, 16:] = False
    given = cube.copy(counts=cube.counts.copy(data=counts), mask_safe=mask)
    maps = TSMapEstimator(source(), kernel_width=0.4, selection_optional=["errn-errp", "ul"]).run(given)
    norm, ts = maps.norm.data[0], maps.ts.data[0]
    assert np.all(np.isnan(norm[16:]))
    assert not np.any(maps["success"].data[0, 16:])
    # no count in reach: the norm is as negative as it may be, without a symmetric error; limits stay
    assert np.all(norm[:16, :8] < 0)
    assert np.all(np.isnan(maps["norm_err"].data[0, :16, :8]))
    assert np.all(np.isfinite(maps["norm_ul"].data[0, :16]))
    assert np.all(ts[:16] >= -1e-4)
    assert np.all(maps["success"].data[0, :16])


def test_counts_without_background_are_told(make_cube, caplog):
    cube = make_cube()
    level = cube.background.data.copy()
    level[2] = 0.0
    maps = TSMapEstimator(source(), kernel_width=0.4).run(cube.copy(background=cube.counts.copy(data=level)))
    assert "have counts but no background" in caplog.text
    assert np.all(np.isfinite(maps.ts.data))


def test_lowest_norms_stop_early_but_not_too_early(cube):
    kernel = source_kernel(cube, source(), 4)[:, np.newaxis]
    exposure = estimate_exposure_reco_energy(cube, source().spectral_model, normalize=False).data[:, np.newaxis]
    band = BandInput(cube.counts.data, cube.background.data, exposure, kernel)
    everything = lowest_norms([band], np.full((19, 21), -np.inf), slice(0, 19))
    expected = np.full((19, 21), -np.inf)
    for y in range(19):
        for x in range(21):
            for dy in range(-4, 5):
                for dx in range(-4, 5):
                    if 0 <= y + dy < 19 and 0 <= x + dx < 21:
                        ratio = cube.background.data[:, y + dy, x + dx] / (
                            kernel[:, 0, dy + 4, dx + 4] * exposure[:, 0, y + dy, x + dx]
                        )
                        expected[y, x] = max(expected[y, x], -ratio.min())
    np.testing.assert_allclose(everything, expected, rtol=1e-12)
    norms = np.random.default_rng(0).uniform(-0.2, 0.2, (19, 21))
    found = np.maximum(lowest_norms([band], norms[5:12], slice(5, 12)), norms[5:12])
    np.testing.assert_allclose(found, np.maximum(expected, norms)[5:12], rtol=1e-12)


def test_totals_are_the_sums_of_the_source(cube):
    kernel = source_kernel(cube, source(), 4)
    exposure = estimate_exposure_reco_energy(cube, source().spectral_model, normalize=False).data
    band = BandInput(cube.counts.data, cube.background.data, exposure[:, np.newaxis], kernel[:, np.newaxis])
    expected = (kernel * exposure[:, 5:14, 6:15]).sum()
    assert source_totals(band)[9, 10] == pytest.approx(expected, rel=1e-10)
    cells = list(cell_batches([occupied_bins(band)], np.ones((19, 21), dtype=bool), 2**16))
    assert len(cells) == 1
    # every pair of a position and an occupied bin inside of its window is one cell
    y, x = np.nonzero(cube.counts.data.any(axis=0))
    number = (cube.counts.data > 0).sum(axis=0)[y, x]
    pairs = (
        (np.minimum(y + 4, 18) - np.maximum(y - 4, 0) + 1) * (np.minimum(x + 4, 20) - np.maximum(x - 4, 0) + 1)
    ) @ number
    assert np.sum(cells[0].cells[..., 1] > 0) == pairs


def test_wide_sources_and_default_width(cube):
    half = kernel_half_width(cube, source(), None)
    assert source_kernel(cube, source(), half).sum(axis=(1, 2)) == pytest.approx(1, abs=0.01)
    wide = source(GaussianSpatialModel("83.63 deg", "22.01 deg", sigma="0.1 deg"))
    kernel = source_kernel(cube, wide, 9)
    assert kernel.sum(axis=(1, 2)) == pytest.approx(1, abs=0.02)
    assert kernel[0, 9, 9] < 0.5 * source_kernel(cube, source(), 9)[0, 9, 9]


def test_bands_without_any_position_are_marked(cube, make_cube, tmp_path):
    options = {"selection_optional": "all", "energy_edges": cube.counts.geom.axes["energy"].edges}
    mask, level = np.ones((3, 19, 21), dtype=bool), cube.background.data.copy()
    mask[0], level[1] = False, 0.0
    some = cube.copy(mask_safe=mask, background=cube.background.copy(data=level))
    maps = TSMapEstimator(source(), kernel_width=0.2, **options).run(some)
    assert (flag_texts(maps["flag"].data[0]) == "outside of the masks").all()
    assert (flag_texts(maps["flag"].data[1]) == "no background").all()
    assert np.isfinite(maps["norm"].data[2]).all()
    for name in maps.available_quantities:
        if name not in ("success", "flag"):
            assert np.isnan(maps[name].data[..., :2, :, :]).all()
    for data, reason in (
        (make_cube(exposure=0.0), "no exposure"),
        (make_cube(background=0.0), "no background"),
        (cube.copy(mask_safe=np.zeros_like(mask)), "outside of the masks"),
    ):
        nothing = TSMapEstimator(source(), **options).run(data)
        assert nothing.reasons() == {reason: nothing["ts"].data.size}
        assert not nothing["success"].data.any()


def test_impossible(cube, make_cube):
    with pytest.raises(ValueError, match="kernel_width"):
        TSMapEstimator(kernel_width=-1)
    with pytest.raises(ValueError, match="selection_optional"):
        TSMapEstimator(selection_optional="everything")
    off = MapDatasetOnOff.from_map_dataset(cube, 1.0, 5.0, counts_off=cube.counts)
    with pytest.raises(TypeError, match="needs known background"):
        TSMapEstimator(source()).run(off)
    with pytest.raises(gjax.errors.FitError, match="expected a spatial model with a position"):
        TSMapEstimator(source(ConstantSpatialModel()), kernel_width=0.4).run(cube)
    smaller = make_cube("small").cutout(cube.counts.geom.center_skydir, "0.5 deg", name="small")
    with pytest.raises(ValueError, match="different pixels"):
        TSMapEstimator(source(), kernel_width=0.4).run([cube, smaller])
