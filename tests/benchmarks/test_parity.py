"""The comparison programs: what they call a difference, their exit codes, and their quick cases on real data."""

import importlib
import json
import math
from types import SimpleNamespace

import pytest

import benchmarks.parity.__main__ as program
from benchmarks.parity.inputs import Inputs, models_of, polished
from benchmarks.parity.report import Report

has_reference = pytest.mark.skipif(
    not program.REFERENCE.is_dir(), reason=f"no reference results in {program.REFERENCE}: parity cases are skipped"
)


class TestReport:
    def test_measures(self):
        report = Report("case")
        report.exact("counts", [1, 2], [1, 3])
        report.absolute("statistic", 10.005, 10.0, 0.01)
        report.relative("exposure", [1.0, 0.0], [1.002, 0.0], 1e-3)
        report.sigmas("index", 2.02, 2.0, 0.1, 0.03)
        assert [row.ok for row in report.rows] == [False, True, False, False]
        assert [row.difference for row in report.rows] == pytest.approx([1.0, 0.005, 0.002 / 1.002, 0.2])
        assert not report.ok

    def test_an_empty_report_is_not_in_order(self):
        assert not Report("case").ok

    def test_missing_values_must_meet_missing_values(self):
        report = Report("case")
        report.relative("both", [math.nan], [None], 1e-3)
        report.relative("ours", [math.nan], [1.0], 1e-3)
        report.relative("theirs", [1.0], [None], 1e-3)
        report.relative("zero", [1e-30], [0.0], 1e-3)
        assert [row.ok for row in report.rows] == [True, False, False, False]

    def test_shapes_must_agree(self):
        report = Report("case")
        report.relative("length", [1.0, 2.0], [1.0], 1.0)
        report.relative("nothing", [], [], 1.0)
        assert [row.ok for row in report.rows] == [False, False]
        assert "2 values, the reference has 1" in report.rows[0].note

    def test_the_worst_element_is_shown(self):
        report = Report("case")
        report.absolute("profile", [1.0, 5.0, 3.0], [1.0, 4.0, 3.5], 2.0)
        assert (report.rows[0].ours, report.rows[0].reference, report.rows[0].difference) == (5.0, 4.0, 1.0)

    def test_limits(self):
        report = Report("case")
        report.at_most("R-hat", 1.005, 1.01)
        report.at_most("R-hat", math.nan, 1.01)
        report.truth("converged", False)
        assert [row.ok for row in report.rows] == [True, False, False]

    def test_text_and_plain_data(self):
        report = Report("case")
        report.exact("fine", 1, 1)
        report.relative("missing", [math.nan], [2.0], 0.1, "why")
        text = report.format()
        assert "case: 2 quantities, 1 out" in text
        assert "NO" in text
        assert "(why)" in text
        assert "fine" not in report.format(only_bad=True)
        json.dumps(report.to_dict(), allow_nan=False)


class TestReference:
    def test_models(self):
        parameters = [
            ["index", 2.5, "", 0.0, False, None, None],
            ["amplitude", 3e-11, "1 / (TeV s cm2)", 0.0, True, None, None],
            ["reference", 1000.0, "GeV", 0.0, True, None, None],
        ]
        entry = {"name": "crab", "spectral_model": "PowerLawSpectralModel", "parameters": parameters}
        table = models_of([entry]).parameter_table
        assert dict(zip(table.names, table.values)) == {
            "crab.spectral.index": 2.5,
            "crab.spectral.amplitude": 3e-11,
            "crab.spectral.reference": 1.0,
        }
        assert list(table.free) == [True, False, False]

    def test_the_most_accurate_errors_are_used(self):
        fit = {"best": [["index", 2.0, 0.1, ""]]}
        assert polished(fit)[0][0][2] == 0.1
        assert polished({**fit, "hesse_errors": [0.2]})[0][0][2] == 0.2
        assert polished({**fit, "hesse_errors": [0.2], "polished": {"best": [["index", 2.0, 0.3]]}})[0][0][2] == 0.3


class TestProgram:
    def test_usage(self, capsys):
        with pytest.raises(SystemExit) as stop:
            program.main(["no_such_case"])
        assert stop.value.code == 2
        assert "no_such_case" in capsys.readouterr().err
        assert program.main(["list"]) == 0
        assert "ogip_joint_crab" in capsys.readouterr().out

    def test_data_missing(self, monkeypatch, tmp_path, capsys):
        monkeypatch.delenv("GAMMAPY_DATA", raising=False)
        assert program.main(["crab_1d"]) == 2
        assert "GAMMAPY_DATA is not set" in capsys.readouterr().err
        monkeypatch.setenv("GAMMAPY_DATA", str(tmp_path / "nowhere"))
        assert program.main(["crab_1d"]) == 2
        assert "nowhere" in capsys.readouterr().err

    def test_reference_missing(self, monkeypatch, tmp_path, capsys):
        monkeypatch.setenv("GAMMAPY_DATA", str(tmp_path))
        assert program.main(["crab_1d", "--reference", str(tmp_path / "none")]) == 2
        assert "none" in capsys.readouterr().err
        assert program.main(["crab_1d", "--reference", str(tmp_path)]) == 2
        assert "crab_1d.json does not exist" in capsys.readouterr().err

    @pytest.mark.parametrize(("difference", "code"), [(0.0, 0), (0.1, 1)])
    def test_exit_code_and_file(self, monkeypatch, tmp_path, difference, code, capsys):
        case = SimpleNamespace(run=lambda inputs, report, quick: report.absolute("x", 1 + difference, 1, 0.01))
        monkeypatch.setenv("GAMMAPY_DATA", str(tmp_path))
        monkeypatch.setattr(importlib, "import_module", lambda name: case)
        arguments = ["crab_1d", "--reference", str(tmp_path), "--json", str(tmp_path / "out.json")]
        assert program.main(arguments) == code
        written = json.loads((tmp_path / "out.json").read_text())
        assert written["cases"][0]["rows"][0]["ok"] is (code == 0)
        assert "crab_1d: 1 quantities" in capsys.readouterr().out

    def test_a_case_that_breaks_counts_as_out(self, monkeypatch, tmp_path, capsys):
        def run(inputs, report, quick):
            raise ValueError("broken on purpose")

        monkeypatch.setenv("GAMMAPY_DATA", str(tmp_path))
        monkeypatch.setattr(importlib, "import_module", lambda name: SimpleNamespace(run=run))
        assert program.main(["crab_1d", "--reference", str(tmp_path)]) == 1
        assert "broken on purpose" in capsys.readouterr().out


@pytest.mark.data
@has_reference
@pytest.mark.parametrize("case", ["ogip_joint_crab", "crab_1d", "magic_rad_max", "flux_points_fit"])
def test_quick_case(case, gammapy_data):
    report = Report(case)
    module = importlib.import_module(f"benchmarks.parity.{case}")
    module.run(Inputs(gammapy_data, program.REFERENCE), report, quick=True)
    assert report.ok, report.format(only_bad=True)
