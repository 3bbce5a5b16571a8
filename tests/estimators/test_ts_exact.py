"""TS maps whose source is folded at every position: those of full fits. Memory, and what is left of an interruption."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from scipy.optimize import brentq

import gjax
from gjax.estimators import TSMapEstimator, ts_map
from gjax.estimators._options import free_memory
from gjax.estimators._ts_cells import default_batch
from gjax.models import DiskSpatialModel, PointSpatialModel, PowerLawSpectralModel, SkyModel

CENTER = SkyCoord(83.63, 22.01, unit="deg")
SPECTRUM = PowerLawSpectralModel(index=2.2, amplitude="3e-11 cm-2 s-1 TeV-1")
SHAPES = {"point": PointSpatialModel(), "disk": DiskSpatialModel(r_0="0.12 deg")}


@pytest.fixture(scope="module")
def pair(make_cube):
    """Two cubes, one with a mask."""
    first, second = (
        make_cube(name, seed=seed, exposure=exposure).cutout(CENTER, "0.55 deg", name=name)
        for name, seed, exposure in (("first", 0, 3e7), ("second", 2, 1.5e7))
    )
    mask = np.ones(second.data_shape, dtype=bool)
    mask[:, :, :3] = False
    mask[0, 5:, :] = False
    return [first, second.copy(mask_safe=second.mask_safe.copy(data=mask), name="second")]


@pytest.fixture(scope="module", params=list(SHAPES))
def maps(request, pair):
    model = SkyModel(SPECTRUM, SHAPES[request.param], name="test")
    options = {"selection_optional": ["errn-errp", "ul"], "kernel_width": 0.5}
    return model, TSMapEstimator(model, exact=True, **options).run(pair), TSMapEstimator(model, **options).run(pair)


def test_as_a_full_fit_at_every_position(pair, maps):
    model, exact, _ = maps
    sky = pair[0].counts.geom.to_image().get_coord().skycoord
    assert np.all(exact["exact"].data == 1)
    for y, x in [(5, 5), (1, 2), (9, 8)]:
        place = {"lon_0": sky[y, x].icrs.ra, "lat_0": sky[y, x].icrs.dec}
        more = {"r_0": "0.12 deg"} if hasattr(model.spatial_model, "r_0") else {}
        source = SkyModel(SPECTRUM, type(model.spatial_model)(**place, **more), name="test")
        npred = gjax.Likelihood(pair, source).npred_signal()
        used = [np.asarray(cube.mask_safe.data) for cube in pair]
        s, b, n = (
            np.concatenate([np.asarray(m)[mask] for m, mask in zip(arrays, used)])
            for arrays in (
                [npred[cube.name].data for cube in pair],
                [cube.background.data for cube in pair],
                [cube.counts.data for cube in pair],
            )
        )

        def statistic(norm, s=s, b=b, n=n):
            return 2 * ((norm * s + b).sum() - (n * np.log(norm * s + b)).sum())

        def slope(norm, s=s, b=b, n=n):
            return s.sum() - (n * s / (norm * s + b)).sum()

        lowest = -(b / np.maximum(s, 1e-300)).min()
        norm = brentq(slope, lowest * 0.999999, 1e3, xtol=1e-12) if slope(lowest * 0.999999) < 0 else lowest
        assert exact["norm"].data[0, y, x] == pytest.approx(norm, rel=1e-4, abs=1e-5)
        assert exact["ts"].data[0, y, x] == pytest.approx(statistic(0.0) - statistic(norm), rel=1e-4, abs=1e-4)
        limit = exact["norm_ul"].data[0, y, x]
        assert statistic(limit) - statistic(norm) == pytest.approx(4, rel=1e-3)


def test_the_kernel_is_nearly_that(maps):
    _, exact, kernel = maps
    np.testing.assert_allclose(exact["norm"].data, kernel["norm"].data, atol=0.05)
    np.testing.assert_allclose(exact.sqrt_ts.data, kernel.sqrt_ts.data, atol=0.4)


@pytest.mark.parametrize("maps", ["point"], indirect=True)
def test_only_where_there_is_something(pair, maps):
    model, exact, kernel = maps
    options = {"selection_optional": ["errn-errp", "ul"], "kernel_width": 0.5}
    some = TSMapEstimator(model, exact=True, exact_threshold=3.0, **options).run(pair)
    where = kernel.sqrt_ts.data >= 3
    np.testing.assert_array_equal(some["exact"].data == 1, where)
    for name in ("norm", "ts", "norm_ul", "npred_excess"):
        expected = np.where(where, exact[name].data, kernel[name].data)
        np.testing.assert_allclose(some[name].data, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("maps", ["point"], indirect=True)
def test_an_interruption_leaves_what_is_done(pair, maps, monkeypatch, caplog):
    model, exact, kernel = maps
    number, real = [], ts_map.exact_sources

    def interrupted(*arguments, **options):
        number.append(1)
        if len(number) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(ts_map, "exact_sources", interrupted)
    options = {"selection_optional": ["errn-errp", "ul"], "kernel_width": 0.5}
    found = TSMapEstimator(model, exact=True, **options).run(pair)
    done = found["exact"].data == 1
    assert done.sum() == ts_map.POSITIONS
    assert f"interrupted: {ts_map.POSITIONS} of {exact.geom.data_shape[1] * exact.geom.data_shape[2]}" in caplog.text
    np.testing.assert_allclose(found["ts"].data, np.where(done, exact["ts"].data, kernel["ts"].data), rtol=1e-6)


def test_memory_and_bad_options(pair):
    assert 2**18 <= default_batch() <= 2**23
    assert free_memory() > 2**20
    few = TSMapEstimator(batch_size=2**13, kernel_width=0.3).run(pair)
    whole = TSMapEstimator(kernel_width=0.3).run(pair)
    np.testing.assert_allclose(few["ts"].data, whole["ts"].data, rtol=1e-5, atol=1e-6)
    for options, message in (
        ({"batch_size": 0}, "batch_size"),
        ({"exact_threshold": 3.0}, "exact=True"),
    ):
        with pytest.raises(ValueError, match=message):
            TSMapEstimator(**options)


def test_free_memory_of_a_container(monkeypatch, tmp_path):
    from gjax.estimators import _options, _ts_cells

    monkeypatch.setattr(_ts_cells, "free_memory", lambda: 2**30)
    assert default_batch() == 2**23
    monkeypatch.setattr(_ts_cells, "free_memory", lambda: 2**28)
    assert default_batch() == 2**21
    monkeypatch.setattr(_ts_cells, "free_memory", lambda: 0)
    assert default_batch() == 2**18
    monkeypatch.setattr(_options, "Path", lambda _: tmp_path)
    (tmp_path / "memory.max").write_text("3000\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert free_memory() == 2000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory() > 2**20


def test_where_the_centre_is_does_not_matter(pair):
    there = SkyCoord(10, 10, unit="deg")
    model = SkyModel(SPECTRUM, PointSpatialModel.from_position(there), name="far")
    found = TSMapEstimator(model, exact=True, exact_threshold=8.0, kernel_width=0.5).run(pair)
    assert 0 < found["exact"].data.sum() < 40
