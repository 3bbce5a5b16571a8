"""Pixels, regions and windows without a value: each says why."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gjax.estimators import (
    ExcessMapEstimator,
    FluxMaps,
    FluxProfileEstimator,
    TSMapEstimator,
    make_concentric_annulus_sky_regions,
)

CENTER = SkyCoord(83.63, 22.01, unit="deg")


@pytest.fixture(scope="module")
def odd(make_cube):
    """A cube whose corners are masked, not exposed, without background, and without counts."""
    cube = make_cube(seed=3)
    mask = np.ones(cube.data_shape, dtype=bool)
    mask[:, :5, :5] = False
    exposure, background = np.array(cube.exposure.data), np.array(cube.background.data)
    exposure[:, -5:, -5:] = 0.0
    background[:, :5, -5:] = 0.0
    counts = np.array(cube.counts.data)
    counts[:, :5, -5:] = 0.0
    counts[:, -5:, :5] = 0.0
    return cube.copy(
        counts=cube.counts.copy(data=counts),
        exposure=cube.exposure.copy(data=exposure),
        background=cube.background.copy(data=background),
        mask_safe=cube.mask_safe.copy(data=mask),
    )


def test_pixels_of_ts_maps(odd, tmp_path):
    maps = TSMapEstimator(kernel_width=0.1, selection_optional=["ul"]).run(odd)
    flag = maps["flag"].data[0]
    found = maps.reasons()
    assert {"outside of the masks", "no exposure", "no background"} <= set(found)
    assert flag[0, 0] == 1
    assert flag[-1, -1] == 2
    assert flag[0, -1] == 3
    assert flag[-1, 0] == 5
    complete = np.all([np.isfinite(maps[name].data[0]) for name in ("norm", "norm_err", "norm_ul", "ts")], axis=0)
    np.testing.assert_array_equal(complete, flag == 0)
    assert (flag == 0).mean() > 0.5
    points = maps.get_flux_points(CENTER)
    assert points.extra["reason"].tolist() == [""]
    maps.write(tmp_path / "maps.fits")
    assert FluxMaps.read(tmp_path / "maps.fits").reasons() == found


def test_pixels_of_excess_maps(odd):
    maps = ExcessMapEstimator(0.06, selection_optional="all").run(odd)
    flag = maps["flag"].data[0]
    assert flag[0, 0] == 1
    assert flag[-1, -1] == 2
    # with neither counts nor background the excess is 0, but no sensitivity exists
    assert flag[0, -1] == 7
    complete = np.all([np.isfinite(maps[name].data[0]) for name in ("norm", "norm_ul", "norm_sensitivity")], axis=0)
    np.testing.assert_array_equal(complete, flag == 0)


def test_windows_wider_than_the_map(cube):
    wide = ExcessMapEstimator("3 deg").run(cube)
    assert np.allclose(wide["counts"].data, cube.counts.data.sum())
    total = cube.counts.data.sum() - cube.background.data.sum()
    np.testing.assert_allclose(wide["npred_excess"].data, total, rtol=1e-9)
    first, second = (TSMapEstimator(kernel_width=width).run(cube) for width in ("2 deg", "8 deg"))
    assert np.isfinite(second["ts"].data).all()
    np.testing.assert_allclose(second["ts"].data, first["ts"].data, rtol=1e-4, atol=1e-4)


def test_regions_of_profiles(odd):
    rings = make_concentric_annulus_sky_regions(CENTER, "0.6 deg", "0.01 deg", nbin=3)
    profile = FluxProfileEstimator(rings, energy_edges=[1, 10, 30]).run(odd)
    texts = np.array([points.extra["reason"] for points in profile.points])
    assert texts[0].tolist() == ["", "outside of the energies of the data"]
    assert set(texts[1]) == {"mask_safe holds only part of the region in energy bins [0, 1, 2]"}
    assert set(texts[2]) == {"the region is not completely inside the map"}
    table = profile.to_table()
    np.testing.assert_array_equal(table["reason"], texts)


def test_bands_that_are_done_survive_an_interruption(cube, monkeypatch, caplog):
    options = {"kernel_width": 0.1, "energy_edges": np.geomspace(1, 10, 4)}
    whole, real, number = TSMapEstimator(**options).run(cube), TSMapEstimator._estimate, []

    def interrupted(*arguments):
        number.append(1)
        if len(number) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(TSMapEstimator, "_estimate", interrupted)
    part = TSMapEstimator(**options).run(cube)
    assert "2 of 3 bands are done" in caplog.text
    np.testing.assert_array_equal(part["ts"].data[:2], whole["ts"].data[:2])
    assert np.isnan(part["norm"].data[2]).all()
    assert not part["success"].data[2].any()
    assert part.reasons()["not computed: interrupted"] == part["ts"].data[2].size
    number[:] = [1, 1]
    with pytest.raises(KeyboardInterrupt):
        TSMapEstimator(**options).run(cube)


def test_rows_that_are_done_survive_an_interruption(cube, monkeypatch, caplog):
    options = {"kernel_width": 0.1, "energy_edges": np.geomspace(1, 10, 4)}
    whole, real, number = TSMapEstimator(**options).run(cube), TSMapEstimator._batch, []

    def interrupted(*arguments):
        number.append(1)
        if len(number) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(TSMapEstimator, "_batch", interrupted)
    # two rows are about eighty cells
    part = TSMapEstimator(**options, batch_size=1024).run(cube)
    assert "0 of 3 bands and a part of the next are done" in caplog.text
    done = np.isfinite(part["ts"].data[0]).all(axis=1)
    first = int(done.argmin())
    assert 0 < first < len(done)
    np.testing.assert_allclose(part["ts"].data[0, :first], whole["ts"].data[0, :first], rtol=1e-5, atol=1e-5)
    assert np.isnan(part["norm"].data[0, first:]).all()
    assert np.isnan(part["norm"].data[1:]).all()
    assert part.reasons()["not computed: interrupted"] == part["ts"].data.size - first * part["ts"].data.shape[2]
