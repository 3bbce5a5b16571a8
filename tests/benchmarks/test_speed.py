"""The timing program: how it reads clocks and makes rows, its exit codes, and that its scripts run."""

import json
import subprocess
import sys
import time

import pytest

import benchmarks.speed.__main__ as program
from benchmarks.speed import environment, measure
from benchmarks.speed.cube_cases import CUBES, RECIPES, fits_of
from benchmarks.speed.script_tools import MARK, Clock, peak_memory
from benchmarks.speed.table import agreement, format_table, memory, phases


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


def test_peak_memory_is_a_row_beside_the_reference(measured):
    for kind, size in (("gjax", 500.0), ("gjax, compilation cache", 400.0), ("gammapy", 250.0)):
        measured["cold"][kind] = {**measured["cold"][kind], "peak_memory_mib": size}
    measured["cold"]["gjax"]["runs"] = [{"peak_memory_after_mib": {"fit": 500.0}}]
    rows = {row["kind"]: row for row in memory(measured)}
    assert rows["cold"]["ratio"] == pytest.approx(0.5)
    assert rows["cold"]["gjax_after_mib"] == {"fit": 500.0}
    assert rows["cold, compilation cache"]["gammapy_mib"] == 250.0
    assert "warm, all phases" not in rows
    measured.update(phases=phases(measured), memory=memory(measured), agreement={})
    text = next(line for line in format_table(measured).splitlines() if line.startswith("peak memory"))
    assert text.split() == ["peak", "memory", "cold", "500", "MiB", "250", "MiB", "0.5"]
    del measured["cold"]["gammapy"]
    assert {row["ratio"] for row in memory(measured)} == {None}


def test_what_only_the_reference_did_has_a_row(measured):
    measured["warm"]["gammapy"]["first"]["fit, first steps of MINUIT"] = 7.0
    row = next(row for row in phases(measured) if row["phase"] == "fit, first steps of MINUIT")
    assert (row["gjax_s"], row["gammapy_s"], row["ratio"]) == (None, 7.0, None)


def test_agreement_of_what_fits_gained(measured):
    ours, theirs = (measured["warm"][side]["fits"]["joint lp"] for side in ("gjax", "gammapy"))
    ours["stat_start"], theirs["stat_start"] = 187.0, 188.1
    assert agreement(measured)["joint lp"]["gain_difference"] == pytest.approx(-1.0)
    assert agreement(measured)["joint lp"]["relative_gain_difference"] == pytest.approx(-1 / 101)
    theirs["success"] = False
    assert agreement(measured)["joint lp"]["gammapy_did_not_converge"] == 1
    assert "largest_shift_in_errors" not in agreement(measured)["joint lp"]


@pytest.mark.parametrize("case", program.CASES)
def test_every_case_has_scripts_of_both_sides(case):
    for side in ("gjax", "gammapy"):
        script = measure.script_of(side, case)
        assert script.is_file()
        compile(script.read_text(), str(script), "exec")


@pytest.mark.parametrize("case", CUBES)
def test_fits_of_cubes(case):
    assert case in program.CASES
    everything, quick = fits_of(case), fits_of(case, quick=True)
    assert quick
    assert everything[0] == quick[0]
    assert len({fit["key"] for fit in everything}) == len(everything)
    written = [fit for fit in everything if not isinstance(fit["models"], str)]
    assert all(fit["models"].endswith(".yaml") for fit in everything if fit not in written)
    for fit in written:
        names = [model["name"] for model in fit["models"]]
        assert len(set(names)) == len(names)
        rows = [row for model in fit["models"] for row in model["parameters"]]
        assert all(len(row) == 5 and (row[4] or row[3] > 0) for row in rows)
    shorter = fits_of(case, side="gammapy")
    assert [fit for fit in everything if not fit.get("gjax_only")] == shorter


def test_models_of_cubes_are_built():
    from benchmarks.parity.cube_inputs import cube_models

    for case in CUBES:
        for fit in fits_of(case, quick=True):
            table = cube_models(fit["models"]).parameter_table
            free = sum(not row[4] for model in fit["models"] for row in model["parameters"])
            assert sum(table.free) == free


def test_a_recipe_makes_the_cube_it_says():
    from benchmarks.parity.cube_inputs import empty_cube, exclusion_mask

    cube = empty_cube(RECIPES["crab_3d"])
    assert cube.counts.data.shape == (16, 250, 250)
    assert cube.exposure.data.shape == (31, 250, 250)
    assert (~exclusion_mask(RECIPES["crab_3d"], cube).data).sum() == 716
    assert empty_cube(RECIPES["joint_scaling"]).counts.data.shape == (12, 125, 125)
    assert exclusion_mask(RECIPES["joint_scaling"], cube) is None


def test_what_cases_need_is_prepared(monkeypatch, tmp_path):
    assert measure.prepare("crab_3d", sys.executable, str(tmp_path), True) == []
    calls = []

    def fake(command, **options):
        calls.append(command)
        return subprocess.CompletedProcess(command, len(calls) - 1, "", "broke")

    monkeypatch.setattr(measure.subprocess, "run", fake)
    assert measure.prepare("joint_scaling", "py", "folder", True) == ["--inputs", "folder"]
    assert calls[0][0] == "py"
    assert calls[0][2:] == ["folder", "--quick"]
    with pytest.raises(measure.ScriptError, match="broke"):
        measure.prepare("joint_scaling", "py", "folder", False)


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
    assert 1 < data["peak_memory_after_mib"]["fit"] <= data["peak_memory_mib"] == pytest.approx(peak_memory(), rel=0.1)


def test_an_interpreter_without_gammapy_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="no gammapy"):
        environment.gammapy_python(str(tmp_path / "python"))


def test_an_environment_that_cannot_be_made_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("GAMMAPY_PYTHON", raising=False)

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
