"""The examples run as they are."""

import runpy
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_simulate_and_fit(capsys):
    names = runpy.run_path(str(EXAMPLES / "simulate_and_fit.py"))
    assert names["curved"].success
    value, error = names["curved"]["lambda_"]
    assert abs(value - 0.12) < 4 * error
    assert names["straight"].total_stat - names["curved"].total_stat > 20
    assert "improves" in capsys.readouterr().out


def test_catalog_pipeline(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["catalog_pipeline.py", str(tmp_path)])
    names = runpy.run_path(str(EXAMPLES / "catalog_pipeline.py"))
    catalog = names["catalog"]
    assert names["result"].success
    assert len(catalog) == len(names["truth"]) == len(set(names["nearest"]))
    assert catalog["offset"].to_value("arcmin").max() < 2
    pull = (catalog["amplitude"] - catalog["amplitude_true"]) / catalog["amplitude_err"]
    assert abs(pull).max() < 4
    assert names["maps"].sqrt_ts.data.max() < 5.5
    assert (tmp_path / "catalog_pipeline.png").stat().st_size > 10_000
    assert "peaks" in capsys.readouterr().out


@pytest.mark.data
def test_crab_spectrum(gammapy_data, monkeypatch, capsys):
    monkeypatch.setenv("GAMMAPY_DATA", str(gammapy_data))
    names = runpy.run_path(str(EXAMPLES / "crab_spectrum.py"))
    assert names["result"].success
    assert names["posterior"].converged
    assert len(names["points"]) == 5
    assert "asymmetric" in capsys.readouterr().out


@pytest.mark.data
def test_pks2155_flare(gammapy_data, monkeypatch, capsys, tmp_path):
    matplotlib.use("agg")
    monkeypatch.setenv("GAMMAPY_DATA", str(gammapy_data))
    monkeypatch.setattr("sys.argv", ["pks2155_flare.py", str(tmp_path)])
    names = runpy.run_path(str(EXAMPLES / "pks2155_flare.py"))
    pyplot.close("all")
    assert names["result"].success
    assert names["posterior"].converged
    alpha, error = names["result"]["alpha"]
    assert abs(alpha - 3.67) < 2 * error
    lightcurve = names["lightcurve"]
    assert lightcurve.shape == (34, 2)
    assert lightcurve.success.all()
    assert np.argmax(lightcurve.flux[:, 0]) in (6, 7)
    assert 0.4 < names["fvar"]["fvar"][0] < 0.7
    assert len(names["blocks"]) >= 4
    assert len(list(tmp_path.glob("pks2155_*"))) == 3
    assert "34 intervals" in capsys.readouterr().out


@pytest.mark.data
def test_crab_cube(gammapy_data, monkeypatch, capsys):
    monkeypatch.setenv("GAMMAPY_DATA", str(gammapy_data))
    names = runpy.run_path(str(EXAMPLES / "crab_cube.py"))
    assert names["result"].success
    lat, error = names["result"]["lat_0"]
    assert abs(lat - 22.02) < 4 * error
    assert error < 0.005
    assert names["predicted"].sum() == pytest.approx(names["counts"].sum(), rel=1e-4)
    assert "predicted" in capsys.readouterr().out
