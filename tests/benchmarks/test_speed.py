"""The timing program: how it reads clocks and makes rows, its exit codes, and that its scripts run."""

import json
import subprocess
import sys
import time

import pytest

import benchmarks.speed.__main__ as program
from benchmarks.speed import environment, measure
from benchmarks.speed.script_tools import MARK, Clock
from benchmarks.speed.table import agreement, format_table, phases


def side(first, warm_times, stat, value):
    fits = {"joint lp": {"stat": stat, "values": {"alpha": value}, "errors": {"alpha": 0.1}}}
    times = {"import": 1.0, "start to fitted result": first}
    warm = {"first": {"fit joint lp": first}, "warm": {"fit joint lp": warm_times}, "fits": fits}
    return {"first": times, "least": times}, warm


@pytest.fixture
def measured():
    machine = {"cpu": "x", "cores": 2, "loadavg": [0.1, 0, 0], "loadavg_end": [5.0, 0, 0]}
    out = {"case": "crab_1d", "machine": machine, "import_gjax_s": 0.1, "import_gammapy_s": 0.2}
    ours, theirs = side(3.0, [0.01, 0.02, 0.03], 87.0, 2.31), side(6.0, [2.0], 87.1, 2.33)
    out["cold"] = {"gjax": ours[0], "gjax, compilation cache": ours[0], "gammapy": theirs[0]}
    out["warm"] = {"gjax": ours[1], "gammapy": theirs[1]}
    return out


def test_rows_have_medians_and_ratios(measured):
    rows = {(row["phase"], row["kind"]): row for row in phases(measured)}
    fit = rows["fit joint lp", "warm"]
    assert fit["gjax_s"] == 0.02
    assert fit["gjax_min_s"] == 0.01
    assert fit["ratio"] == pytest.approx(100)
    assert fit["gjax_first_minus_warm_s"] == pytest.approx(2.98)
    assert rows["start to fitted result", "cold"]["ratio"] == pytest.approx(2)
    assert rows["import of the package", "cold"]["ratio"] == pytest.approx(2)


def test_the_reference_is_optional(measured):
    del measured["cold"]["gammapy"], measured["warm"]["gammapy"], measured["import_gammapy_s"]
    rows = phases(measured)
    assert all(row["gammapy_s"] is None and row["ratio"] is None for row in rows)
    assert agreement(measured) == {}


def test_agreement_is_in_errors_of_the_most_accurate_fit(measured):
    values = agreement(measured)["joint lp"]
    assert values["statistic_difference"] == pytest.approx(-0.1)
    assert values["largest_shift_in_errors"] == pytest.approx(0.2)
    better = {"stat": 87.0, "values": {"alpha": 2.31}, "errors": {"alpha": 0.1}}
    measured["warm"]["gammapy"]["fits"]["joint lp"]["accurate"] = better
    assert agreement(measured)["joint lp"]["largest_shift_in_errors"] == 0


def test_text_says_what_is_not_measured_in_full(measured):
    measured["warm"]["gjax"]["first"]["flux points joint ecpl"] = 2.0
    measured["warm"]["gjax"]["warm"]["flux points joint ecpl"] = [0.01]
    measured["warm"]["gammapy"]["first"]["flux points joint ecpl"] = 40.0
    measured["warm"]["gammapy"]["points joint ecpl"] = {"scaled": True, "dnde_ul": [1.0]}
    measured["warm"]["gjax"]["points joint ecpl"] = {"dnde_ul": [1.0, 2.0]}
    measured["phases"], measured["agreement"] = phases(measured), agreement(measured)
    text = format_table(measured)
    assert "scaled to 19" in text
    assert "first call 1.99 s longer" in text
    assert "the machine was busy" in text
    assert "points joint ecpl" not in measured["agreement"]


def test_clock(capsys):
    clock = Clock(time.time() - 5)
    with clock.phase("import"):
        pass
    calls = []
    assert clock.call("fit", lambda: calls.append(1) or len(calls), 3) == 1
    clock.since_start("start to end")
    clock.emit(versions={"gjax": "0"})
    line = capsys.readouterr().out
    assert line.startswith(MARK)
    data = json.loads(line.removeprefix(MARK))
    assert len(data["warm"]["fit"]) == 3
    assert 5 <= data["first"]["start to end"] < 10
    assert data["versions"] == {"gjax": "0"}


def test_an_interpreter_without_gammapy_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="no gammapy"):
        environment.gammapy_python(str(tmp_path / "python"))


def test_an_environment_that_cannot_be_made_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def fail(command, **options):
        if "venv" in command:
            (tmp_path / "gjax-benchmarks" / "gammapy-2.1").mkdir(parents=True)
            return
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(environment.subprocess, "run", fail)
    monkeypatch.setattr(environment, "has_gammapy", lambda python: False)
    with pytest.raises(RuntimeError, match="cannot make an environment"):
        environment.gammapy_python()
    assert list((tmp_path / "gjax-benchmarks").iterdir()) == []


def test_exit_codes(monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        program.main(["no_such_case"])
    assert stop.value.code == 2
    assert program.main(["list"]) == 0
    monkeypatch.delenv("GAMMAPY_DATA", raising=False)
    assert program.main(["crab_1d"]) == 2
    assert "GAMMAPY_DATA" in capsys.readouterr().err
    monkeypatch.setenv("GAMMAPY_DATA", str(tmp_path))
    assert program.main(["crab_1d", "--gammapy-python", str(tmp_path / "python")]) == 2

    def fail(*arguments):
        raise measure.ScriptError("script broke")

    monkeypatch.setattr(program, "import_time", fail)
    assert program.main(["crab_1d", "--no-gammapy"]) == 1
    assert "script broke" in capsys.readouterr().err


def test_cold_processes_take_turns_and_the_first_round_does_not_count(monkeypatch):
    order = []

    def run(side, case, python, *options):
        order.append((side, *options))
        return {"first": {"fit": float(len(order))}, "loadavg": [0, 0, 0]}

    monkeypatch.setattr(measure, "run_script", run)
    found = measure.cold("crab_1d", {"a": ("gjax", "py", ""), "b": ("gammapy", "py", "folder")}, 2)
    assert [entry[0] for entry in order] == ["gjax", "gammapy"] * 3
    assert order[1] == ("gammapy", "--mode", "cold", "--cache", "folder")
    assert found["a"]["first"]["fit"] == 4.0
    assert found["b"]["least"]["fit"] == 4.0


def test_a_failing_script_is_reported():
    with pytest.raises(measure.ScriptError, match="no_such_case"):
        measure.run_script("gjax", "no_such_case", sys.executable)


@pytest.mark.data
def test_a_script_reaches_its_fit(gammapy_data):
    found = measure.run_script("gjax", "crab_1d", sys.executable, "--mode", "cold")
    assert found["first"]["start to fitted result"] > found["first"]["fit joint lp"] > 0
    assert found["fits"]["joint lp"]["stat"] == pytest.approx(87.0146, abs=0.01)
