"""Excess maps: sums by hand, both statistics, masks, models as background, bad input."""

import numpy as np
import pytest

from gjax.datasets import Datasets, MapDatasetOnOff, SpectrumDataset
from gjax.estimators import ExcessMapEstimator, estimate_exposure_reco_energy
from gjax.models import (
    FoVBackgroundModel,
    PointSpatialModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
)
from gjax.stats import CashCountsStatistic, WStatCountsStatistic


def disc(data, y, x, radius=2):
    ny, nx = data.shape[-2:]
    yy, xx = np.mgrid[:ny, :nx]
    return data[..., (yy - y) ** 2 + (xx - x) ** 2 <= radius**2].sum(axis=-1)


def test_every_pixel_is_a_sum_over_its_disc(cube):
    maps = ExcessMapEstimator("0.1 deg", energy_edges=[1, 2.15, 10], selection_optional=["errn-errp", "ul"]).run(cube)
    assert maps.geom.data_shape == (2, 19, 21)
    groups = slice(0, 1), slice(1, 3)
    exposure = estimate_exposure_reco_energy(cube, normalize=False).data
    for y, x in ((9, 10), (0, 0), (18, 3)):
        for band, part in enumerate(groups):
            n = disc(cube.counts.data[part].sum(axis=0), y, x)
            b = disc(cube.background.data[part].sum(axis=0), y, x)
            stat = CashCountsStatistic(n, b)
            mean = disc(exposure[part].sum(axis=0), y, x) / disc(np.ones((19, 21)), y, x)
            expected = {
                "counts": n,
                "npred_excess": n - b,
                "sqrt_ts": stat.sqrt_ts,
                "norm": (n - b) / mean,
                "norm_errp": stat.compute_errp() / mean,
                "norm_ul": stat.compute_upper_limit(2.0) / mean,
            }
            for name, value in expected.items():
                assert maps[name].data[band, y, x] == pytest.approx(float(value), rel=1e-9), name
    assert maps.sqrt_ts.data.max() > 5


def test_pixels_outside_of_the_mask_count_nowhere(make_cube):
    mask = np.ones((3, 19, 21), dtype=bool)
    mask[:, :, :8] = False
    mask[2, 10] = False
    counts = make_cube().counts.data.copy()
    counts[~mask] = 1000.0
    cube = make_cube()
    cube = cube.copy(counts=cube.counts.copy(data=counts), mask_safe=mask)
    maps = ExcessMapEstimator(0.1).run(cube)
    assert np.all(np.isnan(maps.norm.data[:, :, :8]))
    assert np.all(np.isfinite(maps.norm.data[:, :, 8:]))
    masked = np.where(mask, counts, 0).sum(axis=0)
    assert maps.counts.data[0, 9, 9] == disc(masked, 9, 9)


def test_known_background_and_off_counts(cube):
    off = np.random.default_rng(3).poisson(cube.background.data * 5).astype(float)
    given = MapDatasetOnOff.from_map_dataset(cube, 1.0, 5.0, counts_off=cube.counts.copy(data=off))
    for correlate, n_off in ((True, disc(off.sum(axis=0), 9, 10)), (False, off.sum(axis=0)[9, 10])):
        estimator = ExcessMapEstimator(0.1, correlate_off=correlate, selection_optional="all")
        maps = estimator.run(given)
        n_on = disc(cube.counts.data.sum(axis=0), 9, 10)
        alpha = 0.2 if correlate else 0.2 * 13  # 13 pixels of 1 on 1 of 5
        stat = WStatCountsStatistic(n_on, n_off, alpha)
        assert maps.sqrt_ts.data[0, 9, 10] == pytest.approx(float(stat.sqrt_ts), rel=1e-9)
        assert maps["alpha"].data[0, 9, 10] == pytest.approx(alpha)


def test_no_off_count_and_no_off_acceptance(cube):
    acceptance_off = np.full((3, 19, 21), 5.0)
    acceptance_off[:, :6, :6] = 0.0
    given = MapDatasetOnOff.from_map_dataset(cube, 1.0, acceptance_off, counts_off=cube.counts * 0)
    maps = ExcessMapEstimator(0.1).run(given)
    # where nothing measures the background there is no excess; elsewhere no off count is a measurement
    assert np.all(np.isnan(maps.sqrt_ts.data[0, :6, :6]))
    assert np.all(np.isfinite(maps.sqrt_ts.data[0, 6:, 6:]))
    empty = ExcessMapEstimator(0.1).run(given.copy(counts=cube.counts * 0))
    assert np.all(empty.sqrt_ts.data[0, 6:, 6:] == 0)


def test_models_count_as_background(cube):
    spectrum = PowerLawSpectralModel(index=2.0, amplitude="1e-12 cm-2 s-1 TeV-1")
    source = SkyModel(spectrum, PointSpatialModel("83.63 deg", "22.01 deg"), name="crab")
    before, after = (ExcessMapEstimator(0.1).run(cube, models).npred_excess.data for models in (None, [source]))
    assert after[0, 9, 10] < before[0, 9, 10] - 0.1
    background = FoVBackgroundModel("cube", PowerLawNormSpectralModel(norm=2.0))
    doubled = ExcessMapEstimator(0.1).run(cube, [background]).npred_excess.data
    expected = disc((cube.counts.data - 2 * cube.background.data).sum(axis=0), 9, 10)
    assert doubled[0, 9, 10] == pytest.approx(expected, rel=1e-6)


def test_without_exposure_norms_are_counts(cube):
    maps = ExcessMapEstimator(0.1).run(cube.copy(exposure=None, psf=None, edisp=None))
    np.testing.assert_array_equal(maps.norm.data, maps.npred_excess.data)


def test_sensitivity_has_thresholds(cube):
    plain = ExcessMapEstimator(0.1, selection_optional="sensitivity").run(cube)
    options = {"apply_threshold_sensitivity": True, "gamma_min_sensitivity": 1000.0}
    high = ExcessMapEstimator(0.1, selection_optional="sensitivity", **options).run(cube)
    assert np.all(high["norm_sensitivity"].data > 5 * plain["norm_sensitivity"].data)


def test_impossible(cube, make_cube):
    with pytest.raises(ValueError, match="selection_optional: 'nothing'"):
        ExcessMapEstimator(selection_optional=["nothing"])
    with pytest.raises(ValueError, match="correlation_radius"):
        ExcessMapEstimator(correlation_radius=0)
    with pytest.raises(ValueError, match="expected one dataset, got 2"):
        ExcessMapEstimator().run([cube, make_cube("other")])
    with pytest.raises(ValueError, match="leave no band"):
        ExcessMapEstimator(energy_edges=[20, 30]).run(cube)
    with pytest.raises(ValueError, match="increasing energies"):
        ExcessMapEstimator(energy_edges=[3, 2]).run(cube)
    nothing = ExcessMapEstimator().run(cube.copy(mask_safe=np.zeros((3, 19, 21), dtype=bool)))
    assert nothing.reasons() == {"outside of the masks": nothing["ts"].data.size}
    with pytest.raises(ValueError, match="has no counts"):
        ExcessMapEstimator().run(cube.copy(counts=None))
    with pytest.raises(TypeError, match="expected map datasets, got SpectrumDataset"):
        ExcessMapEstimator().run(Datasets([SpectrumDataset(name="spectrum")]))
