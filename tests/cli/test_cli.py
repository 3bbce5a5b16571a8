"""The command: exit codes, what goes to stdout, and errors in one or two lines."""

import contextlib
import io
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from gjax.analysis.config import AnalysisConfig, FluxPointsConfig
from gjax.analysis.config_io import default_text
from gjax.cli import main


def run_fresh(*arguments):
    """Run the command in a process of its own, and report which packages it imported."""
    code = (
        "import sys; from gjax.cli import main; code = main(sys.argv[1:]); "
        "heavy = ('jax', 'matplotlib', 'astropy', 'scipy'); "
        "print([name for name in heavy if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    environment = {**os.environ, "PYTHONPATH": root}
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"], ["info"], ["--version"], ["config"]])
def test_light_commands_import_nothing_heavy(arguments):
    done = run_fresh(*arguments)
    assert done.returncode == 0, done.stderr
    assert "'jax'" not in done.stderr
    assert "'matplotlib'" not in done.stderr
    assert done.stdout
    if arguments != ["config"]:
        assert done.stderr.strip() == "[]"


def test_help_names_exit_codes(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for word in ("exit codes", "demo", "fit", "config", "info", "check", "not trustworthy"):
        assert word in text


def test_usage_errors(capsys):
    assert main([]) == 2
    assert main(["fit"]) == 2
    assert main(["fly"]) == 2
    assert main(["demo", "--seed", "x"]) == 2
    assert "invalid int value" in capsys.readouterr().err


def test_info_as_json(capsys):
    assert main(["info", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["versions"]["numpy"]
    assert content["cores"] >= 1


def test_config_is_written_once(tmp_path, capsys):
    path = tmp_path / "sub" / "my.yaml"
    assert main(["config", str(path)]) == 0
    assert path.read_text() == default_text()
    path.write_text("mine")
    assert main(["config", str(path)]) == 2
    assert path.read_text() == "mine"
    assert "--force replaces it" in capsys.readouterr().err
    assert main(["config", str(path), "--force"]) == 0
    assert path.read_text() == default_text()
    assert main(["config"]) == 0
    assert capsys.readouterr().out == default_text()


def test_config_of_cubes(tmp_path, capsys):
    assert main(["config", "--3d"]) == 0
    text = capsys.readouterr().out
    assert text == default_text("3d") != default_text()
    assert AnalysisConfig.default("3d").geometry is not None
    path = tmp_path / "cube.yaml"
    assert main(["config", "--3d", str(path)]) == 0
    path.write_text(path.read_text().replace("width: 5 deg", "width: 5"))
    assert main(["fit", str(path)]) == 2
    error = capsys.readouterr().err
    assert "geometry.width: got 5, expected a string" in error
    assert "cube.yaml, line 23" in error


def test_cubes_without_data(tmp_path, capsys):
    path = tmp_path / "cube.yaml"
    path.write_text(default_text("3d").replace("$GAMMAPY_DATA/hess-dl3-dr1", str(tmp_path / "nothing")))
    assert main(["fit", str(path)]) == 3
    assert "nothing" in capsys.readouterr().err


def test_demo_of_cubes_analyses_cubes(tmp_path, monkeypatch, capsys):
    from gjax.analysis import runner
    from gjax.analysis.result import AnalysisResult

    asked = {}

    def stop_short(config, out, *, truth, progress=True):
        asked.update(config=config, truth=truth)
        return AnalysisResult(config, out, statements=[(False, "nothing was done")])

    monkeypatch.setattr(runner, "run", stop_short)
    assert main(["demo", "--3d", "--out", str(tmp_path), "--seed", "2"]) == 1
    assert asked["config"].is_3d
    assert asked["config"].general.seed == 2
    assert asked["truth"]["crab"].spatial_model.lat_0.value == 22.01
    assert (tmp_path / "data" / "obs-index.fits.gz").is_file()
    assert "nothing was done" in capsys.readouterr().out


def test_fit_of_a_missing_or_wrong_file(tmp_path, capsys):
    assert main(["fit", str(tmp_path / "none.yaml")]) == 2
    error = capsys.readouterr().err
    assert "no such file" in error
    assert "gjax config" in error
    path = tmp_path / "my.yaml"
    path.write_text(default_text().replace("on_region:", "onregion:"))
    assert main(["fit", str(path)]) == 2
    error = capsys.readouterr().err
    assert "did you mean 'on_region'" in error
    assert "line 17" in error
    assert "Traceback" not in error
    assert len(error.strip().splitlines()) <= 2


def test_missing_data_has_its_own_exit_code(tmp_path, capsys):
    path = tmp_path / "my.yaml"
    path.write_text(default_text().replace("$GAMMAPY_DATA/hess-dl3-dr1", str(tmp_path / "nothing")))
    assert main(["fit", str(path), "--out", str(tmp_path / "out")]) == 3
    error = capsys.readouterr().err
    assert "nothing" in error
    assert "Traceback" not in error
    assert main(["check", str(tmp_path / "nothing")]) == 3


def test_unexpected_errors_say_how_to_see_more(monkeypatch, capsys):
    from gjax.cli import commands

    def fail(arguments):
        raise ZeroDivisionError("x")

    monkeypatch.setattr(commands, "info", fail)
    assert main(["info"]) == 5
    assert "--debug" in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError):
        main(["info", "--debug"])

    def stop(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "info", stop)
    assert main(["info"]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A demonstration without sampling."""
    out = tmp_path_factory.mktemp("cli") / "demo"
    text, messages = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(messages):
        code = main(["demo", "--out", str(out), "--no-sampling", "--seed", "4", "--json"])
    return out, SimpleNamespace(returncode=code, stdout=text.getvalue(), stderr=messages.getvalue())


def test_demo(finished):
    out, done = finished
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    assert content["trustworthy"] is True
    assert all(abs(p["pull"]) < 4 for p in content["parameters"])
    for path in content["files"].values():
        assert os.path.exists(path)
    assert not (out / "corner.png").exists()
    assert (out / "data" / "obs-index.fits.gz").is_file()
    assert "fit" in done.stderr


def test_check_of_the_simulated_store(finished, capsys):
    out, _ = finished
    assert main(["check", str(out / "data"), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["observations"] == 4
    assert main(["check", str(out / "data")]) == 0
    # No more than what is said of all together.
    assert capsys.readouterr().out == "4 observations: all is well\n"


def test_check_finds_a_broken_file(finished, capsys, tmp_path):
    import shutil

    out, _ = finished
    shutil.copytree(out / "data", tmp_path / "store")
    victim = sorted((tmp_path / "store").rglob("*.fits*"))
    victim = next(p for p in victim if "index" not in p.name)
    victim.write_bytes(victim.read_bytes()[:5000])
    assert main(["check", str(tmp_path / "store"), "--json"]) == 1
    records = json.loads(capsys.readouterr().out)["records"]
    assert any(victim.name in str(r["msg"]) for r in records)
    assert main(["check", str(tmp_path / "store")]) == 1
    first, *lines = capsys.readouterr().out.splitlines()
    errors = sum(r["level"] == "error" for r in records)
    assert first.startswith(f"4 observations: {errors} error")
    assert first.endswith("in 1 of them")
    assert any(line.startswith("ERROR") and victim.name in line for line in lines)


def test_check_tells_a_problem_once():
    from gjax.cli.check_summary import problem_lines

    def record(level, obs_id, hdu, msg):
        return {"level": level, "obs_id": obs_id, "hdu": hdu, "msg": msg}

    late = [record("warning", i, "events", f"{i % 3} of {i} events outside the good time") for i in range(100, 140)]
    missing = [record("error", i, "gti", f"observation {i}, gti: /data/run_{i}.fits: no such file") for i in (105, 107)]
    lines = problem_lines([*late, *missing, record("error", None, "hdu-index", "two rows")])
    assert lines == [
        "ERROR   gti: /data/run_105.fits: no such file [105, and alike in 1 more: 107]",
        "ERROR   hdu-index: two rows",
        "WARNING events: 1 of 100 events outside the good time [100, and alike in 39 more: 101, 102, 103, 104 ...]",
    ]
    assert problem_lines([]) == []


def test_the_config_of_the_demo_can_be_run_again(finished, capsys, tmp_path):
    out, done = finished
    config = AnalysisConfig.read(out / "config.yaml")
    config.replace(flux_points=FluxPointsConfig()).write(tmp_path / "again.yaml")
    assert main(["fit", str(tmp_path / "again.yaml"), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    before = json.loads(done.stdout)
    assert content["statistic"] == pytest.approx(before["statistic"], abs=1e-6)
    assert (tmp_path / "again" / "report.html").is_file()


@pytest.mark.data
def test_check_of_real_data(gammapy_data, capsys, monkeypatch):
    monkeypatch.setenv("GAMMAPY_DATA", str(gammapy_data))
    assert main(["check", "$GAMMAPY_DATA/cta-1dc/index/gps", "--json"]) in (0, 1)
    content = json.loads(capsys.readouterr().out)
    assert content["observations"] > 0
