"""A whole analysis of cubes on simulated data, and what happens when it cannot go on."""

import dataclasses
import json
import logging

import numpy as np
import pytest
from astropy.table import Table

from gjax.analysis import AnalysisConfig, reduce, run
from gjax.analysis.cube_reduction import reduce_cubes
from gjax.analysis.demo import prepare_demo
from gjax.analysis.reduction import open_observations
from gjax.datasets import Datasets
from gjax.errors import ConfigError, DataFormatError
from gjax.maps import Map
from gjax.models import Models


def smaller(config):
    """The configuration with fewer and larger bins."""
    return config.replace(
        geometry=dataclasses.replace(config.geometry, width="2.4 deg", binsz="0.04 deg", binsz_irf="0.4 deg"),
        energy=dataclasses.replace(config.energy, nbin=4),
        safe_mask=dataclasses.replace(config.safe_mask, offset_max="1 deg"),
        flux_points=dataclasses.replace(config.flux_points, axis=dataclasses.replace(config.flux_points.axis, nbin=3)),
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    config, truth = prepare_demo(tmp_path_factory.mktemp("demo"), seed=5, type="3d")
    return smaller(config), truth


@pytest.fixture(scope="module")
def finished(demo, tmp_path_factory):
    config, truth = demo
    return run(config, tmp_path_factory.mktemp("result"), truth=truth, progress=False)


def test_truth_is_recovered(finished):
    assert finished.trustworthy, finished.statements
    table = finished.comparison()
    known = np.isfinite(table["true"])
    assert list(table["name"][known]) == [
        *(f"crab.spectral.{name}" for name in ("amplitude", "alpha", "beta")),
        "crab.spatial.lon_0",
        "crab.spatial.lat_0",
    ]
    assert np.all(np.abs(table["pull"][known]) < 4)
    # the fit began ten errors away
    assert np.all(table["error"][known][3:] < 0.005)


def test_files(finished):
    out = finished.out
    tables = ["counts", "parameters", "covariance", "flux_points"]
    plots = ["counts_map", "counts_spectrum", "sed", "sky_maps", "slices", "sources", "residuals"]
    expected = {"config.yaml", "model.yaml", "model_covariance.dat", "report.html", "datasets", "maps"}
    expected |= {f"{name}.ecsv" for name in tables} | {f"{name}.png" for name in plots}
    assert {path.name for path in out.iterdir()} == expected
    assert AnalysisConfig.read(out / "config.yaml") == finished.config
    models = Models.read(out / "model.yaml")
    assert models["crab"].spatial_model.lon_0.value == pytest.approx(finished.fit["crab.spatial.lon_0"][0])
    table = Table.read(out / "counts.ecsv")
    assert list(table["name"].astype(str)) == ["1", "2", "3", "4"]
    assert np.all(np.abs(table["bkg_norm"] - 1) < 5 * table["bkg_norm_err"])


def test_datasets_and_models_written_give_the_same_statistic(finished):
    import gjax

    datasets = Datasets.read(finished.out / "datasets")
    assert datasets.names == ["stacked"]
    again = gjax.Likelihood(datasets, Models.read(finished.out / "model.yaml"))
    assert again.stat_sum() == pytest.approx(finished.fit.total_stat, rel=1e-7)


def test_images_add_up(finished):
    images, dataset = finished.images, finished.datasets[0]
    mask = dataset.mask.data
    assert images.counts.sum() == dataset.counts.data[mask].sum() == np.sum(finished.runs["counts"])
    # at the best fit with a free norm, the prediction has as many counts as there are
    assert images.npred.sum() == pytest.approx(images.counts.sum(), rel=1e-4)
    written = Map.read(finished.out / "maps" / "counts.fits")
    assert np.nansum(written.data) == images.counts.sum()
    significance = Map.read(finished.out / "maps" / "significance.fits").data
    residual = Map.read(finished.out / "maps" / "residual_significance.fits").data
    middle = np.s_[28:32, 28:32]
    assert np.nanmin(significance[middle]) > 20
    assert np.nanmax(np.abs(residual[middle])) < 4
    assert np.nanstd(residual) == pytest.approx(1.0, abs=0.2)


def test_report(finished):
    text = (finished.out / "report.html").read_text(encoding="utf-8")
    assert text.count("data:image/png") == 7
    for word in ("the fit converged", "Maps", "pull", "PointSpatialModel", "observation", "norm", "flux points"):
        assert word in text


def test_images_of_sources_of_an_earlier_run_are_removed(tmp_path):
    from gjax.analysis.runner import _remove_older

    (tmp_path / "maps").mkdir()
    for name in ("source_old.fits", "mine.fits"):
        (tmp_path / "maps" / name).touch()
    _remove_older(tmp_path)
    assert [path.name for path in (tmp_path / "maps").iterdir()] == ["mine.fits"]


def test_a_broken_file_does_not_end_the_others(demo, tmp_path):
    import shutil

    config, _ = demo
    store = tmp_path / "store"
    shutil.copytree(config.data.datastore, store)
    victim = next(path for path in sorted(store.rglob("*.fits*")) if "index" not in path.name)
    victim.write_bytes(victim.read_bytes()[:60_000])
    changed = config.replace(data=dataclasses.replace(config.data, datastore=str(store)))
    datasets, failures, runs = reduce_cubes(changed, open_observations(changed), progress=False)
    assert len(runs) == 3
    assert len(failures) == 1
    assert victim.name in next(iter(failures.values()))
    assert datasets.names == ["stacked"]


def test_json_and_text(finished):
    content = json.loads(json.dumps(finished.to_dict(), allow_nan=False))
    assert content["trustworthy"] is True
    assert content["parameters"][-1]["true"] is None
    row = next(line for line in finished.text().splitlines() if "lon_0" in line)
    assert "83.6" in row
    assert len(row.split()[1]) >= 6


def test_joint_datasets_hold_what_the_stacked_one_does(demo):
    config, _ = demo
    observations = open_observations(config)
    stacked, _, _ = reduce_cubes(config, observations, progress=False)
    joint = reduce(config.replace(reduction=dataclasses.replace(config.reduction, stack=False)), progress=False)
    assert joint.names == ["1", "2", "3", "4"]
    assert sum(d.counts.data[d.mask.data].sum() for d in joint) == stacked[0].counts.data.sum()
    assert joint[0].counts.data.shape[1] < stacked[0].counts.data.shape[1]


def test_fit_range(demo):
    config, _ = demo
    limited = config.replace(fit=dataclasses.replace(config.fit, energy_min="1 TeV", energy_max="10.1 TeV"))
    mask = reduce(limited, progress=False)[0].mask.data
    assert list(mask.any(axis=(1, 2))) == [False] * 2 + [True] * 4 + [False] * 2
    nothing = config.replace(fit=dataclasses.replace(config.fit, energy_min="1 TeV", energy_max="1.1 TeV"))
    with pytest.raises(ConfigError, match=r"no whole energy bin lies between 1 TeV and 1.1 TeV"):
        reduce(nothing, progress=False)


def test_background_that_cannot_be_scaled(demo, caplog):
    config, _ = demo
    everywhere = dataclasses.replace(config.background.exclusion_regions[0], radius="5 deg")
    changed = config.replace(background=dataclasses.replace(config.background, exclusion_regions=(everywhere,)))
    with caplog.at_level(logging.CRITICAL), pytest.raises(DataFormatError, match="the background could not be scaled"):
        reduce(changed, progress=False)
    kept = changed.replace(background=dataclasses.replace(changed.background, method="none"))
    assert "bkg_norm" not in reduce(kept, progress=False)[0].meta


def test_an_observation_without_safe_bins_is_left_out(demo, tmp_path):
    config, _ = demo
    # only the pixels of the first run are within reach of its pointing
    lat = f"{float(config.geometry.lat.split()[0]) + 1.3} deg"
    changed = config.replace(
        geometry=dataclasses.replace(config.geometry, lat=lat, width="0.8 deg"),
        background=dataclasses.replace(config.background, exclusion_regions=()),
    )
    datasets, failures, runs = reduce_cubes(changed, open_observations(changed), progress=False)
    assert len(runs) == 1
    assert sorted(failures) == ["2", "3", "4"]
    assert datasets[0].counts.data.sum() > 0


def test_energies_that_the_response_does_not_cover(demo):
    config, _ = demo
    changed = config.replace(energy_true=dataclasses.replace(config.energy_true, max="300 TeV"))
    with pytest.raises(ConfigError, match=r"energy_true: 0.1 TeV to 300 TeV is asked"):
        reduce(changed, progress=False)
