"""A whole analysis on simulated data, and what happens when it cannot go on."""

import dataclasses
import json
import logging

import numpy as np
import pytest
import yaml
from astropy.table import QTable, Table

from gjax.analysis import AnalysisConfig, reduce, run
from gjax.analysis.demo import prepare_demo
from gjax.datasets import Datasets
from gjax.errors import ConfigError, DataFormatError, FitError, MissingDataError
from gjax.models import Models


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    config, truth = prepare_demo(out, seed=11)
    return config, truth


@pytest.fixture(scope="module")
def finished(demo, tmp_path_factory):
    config, truth = demo
    return run(config, tmp_path_factory.mktemp("result"), truth=truth, progress=False)


def quick(config, **changes):
    """The configuration without the slow steps."""
    changes = {"sampling": dataclasses.replace(config.sampling, enabled=False), **changes}
    return config.replace(flux_points=dataclasses.replace(config.flux_points, axis=None), **changes)


def test_truth_is_recovered(finished):
    assert finished.trustworthy, finished.statements
    table = finished.comparison()
    assert np.all(np.abs(table["pull"]) < 4)
    assert np.allclose(table["posterior_mean"], table["value"], atol=0.5 * table["error"])
    assert np.allclose(table["posterior_std"], table["error"], rtol=0.15)
    # the covariance counts in the same units as the errors, also where a value crossed a power of ten
    assert np.allclose(np.sqrt(np.diag(finished.fit.covariance)), table["error"])


def test_files(finished):
    out = finished.out
    tables = ["counts", "parameters", "covariance", "flux_points", "posterior", "samples"]
    plots = ["counts_map", "counts_spectrum", "excess", "sed", "corner"]
    expected = {"config.yaml", "model.yaml", "model_covariance.dat", "report.html", "datasets"}
    expected |= {f"{name}.ecsv" for name in tables} | {f"{name}.png" for name in plots}
    assert {path.name for path in out.iterdir()} == expected
    assert AnalysisConfig.read(out / "config.yaml") == finished.config
    models = Models.read(out / "model.yaml")
    assert models["crab"].spectral_model.alpha.value == pytest.approx(finished.fit["alpha"][0])
    assert len(yaml.safe_load((out / "model.yaml").read_text())["components"]) == 1
    assert Datasets.read(out / "datasets").names == ["1", "2", "3", "4"]
    assert len(Table.read(out / "samples.ecsv")) == 4000
    points = QTable.read(out / "flux_points.ecsv")
    assert len(points) == 10
    assert points["dnde"].unit.is_equivalent("cm-2 s-1 TeV-1")


def test_report(finished):
    text = (finished.out / "report.html").read_text(encoding="utf-8")
    assert text.count("data:image/png") == 5
    for word in ("the fit converged", "sampling converged", "R-hat", "pull", "LogParabolaSpectralModel", "astropy"):
        assert word in text


def test_json(finished):
    content = json.loads(json.dumps(finished.to_dict(), allow_nan=False))
    assert content["trustworthy"] is True
    assert [p["name"] for p in content["parameters"]] == [f"crab.spectral.{n}" for n in ("amplitude", "alpha", "beta")]
    assert len(content["flux_points"]["e2dnde"]["values"]) == 10
    assert "pull" in finished.text()


def test_datasets_written_give_the_same_fit(finished):
    import gjax

    again = gjax.Likelihood(list(Datasets.read(finished.out / "datasets")), finished.fit.models)
    assert again.stat_sum() == pytest.approx(finished.likelihood.stat_sum(finished.fit.models), abs=1e-3)


def test_stacked_and_restricted(demo, tmp_path):
    config, _ = demo
    changed = quick(
        config,
        reduction=dataclasses.replace(config.reduction, stack=True),
        fit=dataclasses.replace(config.fit, energy_min="1 TeV", energy_max="10 TeV"),
    )
    result = run(changed, tmp_path, progress=False)
    assert result.datasets.names == ["stacked"]
    assert result.likelihood.n_bins == 10
    assert "posterior" not in result.files
    assert "flux_points" not in result.files


def test_wobble_regions(demo):
    config, _ = demo
    changed = config.replace(background=dataclasses.replace(config.background, method="wobble", n_off_regions=3))
    datasets = reduce(changed, progress=False)
    assert all(np.all(d.acceptance_off.data == 3) for d in datasets)


def test_energies_that_the_response_does_not_cover(demo):
    config, _ = demo
    changed = config.replace(energy_true=dataclasses.replace(config.energy_true, max="300 TeV"))
    with pytest.raises(
        ConfigError, match=r"energy_true: 0.05 TeV to 300 TeV is asked .* observation 1 covers 0.05 TeV to 100 TeV"
    ):
        reduce(changed, progress=False)


def test_fit_range_without_safe_bins(demo):
    config, _ = demo
    changed = config.replace(fit=dataclasses.replace(config.fit, energy_max="0.2 TeV"))
    with pytest.raises(ConfigError, match=r"no whole energy bin lies between .* 0.2 TeV; the data are safe from"):
        reduce(changed, progress=False)


def test_no_off_region(demo, caplog):
    config, _ = demo
    everywhere = dataclasses.replace(config.on_region, radius="5 deg", name="background.exclusion_regions[0]")
    changed = config.replace(background=dataclasses.replace(config.background, exclusion_regions=(everywhere,)))
    with caplog.at_level(logging.ERROR), pytest.raises(DataFormatError, match="no off region was found"):
        reduce(changed, progress=False)


def test_missing_data(demo, monkeypatch):
    config, _ = demo
    with pytest.raises(MissingDataError, match="77"):
        reduce(config.replace(data=dataclasses.replace(config.data, obs_ids=(1, 77))), progress=False)
    monkeypatch.delenv("NO_SUCH_VARIABLE", raising=False)
    changed = config.replace(data=dataclasses.replace(config.data, datastore="$NO_SUCH_VARIABLE/x"))
    with pytest.raises(MissingDataError, match="NO_SUCH_VARIABLE"):
        reduce(changed, progress=False)


def test_models_are_checked_before_any_work(demo, tmp_path):
    config, _ = demo
    model = json.loads(json.dumps(config.model))
    del model[0]["spectral"]["parameters"][2]["prior"]
    with pytest.raises(ConfigError, match=r"there is none on crab\.spectral\.alpha"):
        run(config.replace(model=model), tmp_path / "a", progress=False)
    model[0]["spectral"]["type"] = "LogParbolaSpectralModel"
    with pytest.raises(ConfigError, match="LogParbolaSpectralModel"):
        run(config.replace(model=model), tmp_path / "a", progress=False)
    changed = config.replace(flux_points=dataclasses.replace(config.flux_points, source="vela"))
    with pytest.raises(ConfigError, match="there is no source 'vela'; there are: crab"):
        run(changed, tmp_path / "a", progress=False)
    assert not (tmp_path / "a").exists()


def test_what_was_done_is_kept_when_a_later_step_fails(demo, tmp_path):
    config, _ = demo
    model = json.loads(json.dumps(config.model))
    for parameter in model[0]["spectral"]["parameters"]:
        parameter["frozen"] = True
    with pytest.raises(FitError, match="no parameter is free"):
        run(quick(config, model=model), tmp_path, progress=False)
    assert (tmp_path / "datasets" / "datasets.yaml").is_file()
    assert (tmp_path / "counts.ecsv").is_file()
    assert "the analysis stopped: no parameter is free" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_folder_that_cannot_be_made(demo, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot make this folder"):
        run(demo[0], tmp_path / "file", progress=False)


@pytest.mark.data
def test_real_runs_of_the_default_configuration(gammapy_data, tmp_path, monkeypatch):
    monkeypatch.setenv("GAMMAPY_DATA", str(gammapy_data))
    result = run(quick(AnalysisConfig.default()), tmp_path, progress=False)
    assert [int(d.acceptance_off.data.flat[0]) for d in result.datasets] == [12, 12, 41, 36]
    assert result.fit.success
    assert result.fit["alpha"][0] == pytest.approx(2.31, abs=0.05)


def test_results_of_an_earlier_run_do_not_stay(demo, tmp_path):
    (tmp_path / "corner.png").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    run(quick(demo[0]), tmp_path, progress=False)
    assert not (tmp_path / "corner.png").exists()
    assert (tmp_path / "mine.txt").exists()


@pytest.mark.data
def test_point_like_responses_with_an_energy_dependent_cut(gammapy_data, tmp_path):
    model = json.loads(json.dumps(AnalysisConfig.default().model))
    config = AnalysisConfig.from_dict(
        {
            "data": {
                "datastore": str(gammapy_data / "magic/rad_max/data"),
                "obs_ids": [5029747, 5029748],
                "required_irf": "point-like",
            },
            "on_region": {"lon": "83.63 deg", "lat": "22.01 deg"},
            "background": {"method": "wobble", "n_off_regions": 3},
            "energy": {"min": "50 GeV", "max": "100 TeV", "nbin": 5},
            "energy_true": {"min": "10 GeV", "max": "100 TeV"},
            "reduction": {"containment_correction": False},
            "safe_mask": {"methods": ["aeff-default"]},
            "fit": {"energy_min": "80 GeV", "energy_max": "20 TeV"},
            "model": model,
            "sampling": {"enabled": False},
        }
    )
    result = run(config, tmp_path, progress=False)
    assert result.fit.success
    assert result.datasets[0].counts.data.sum() == 791
    assert (tmp_path / "counts_map.png").is_file()


def test_a_broken_file_does_not_end_the_others(demo, tmp_path):
    import shutil

    config, _ = demo
    store = tmp_path / "store"
    shutil.copytree(config.data.datastore, store)
    victim = next(path for path in sorted(store.rglob("*.fits*")) if "index" not in path.name)
    victim.write_bytes(victim.read_bytes()[:60_000])
    changed = quick(config, data=dataclasses.replace(config.data, datastore=str(store)))
    result = run(changed, tmp_path / "out", progress=False)
    assert len(result.datasets) == 3
    assert not result.trustworthy
    left_out = [text for good, text in result.statements if not good]
    assert len(left_out) == 1
    assert "was left out" in left_out[0]
    assert victim.name in left_out[0]
    assert (tmp_path / "out" / "counts_map.png").is_file()
