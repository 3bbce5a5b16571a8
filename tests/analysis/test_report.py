"""The report is one file that needs nothing from elsewhere."""

import re

import numpy as np
from astropy.table import Table

from gjax.analysis.report import Report, format_value, image_html, statement, table_html
from gjax.analysis.result import AnalysisResult, format_comparison, plain
from gjax.plot import new_axes, save


def test_page_is_self_contained_and_escaped(tmp_path):
    path = save(new_axes().figure, tmp_path / "a.png", dpi=30)
    report = Report("<Crab> & co", "sub")
    report.add("One", image_html(path, "a 'caption'"), statement(False, "a < b"))
    text = report.write(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "&lt;Crab&gt; &amp; co" in text
    assert "a &lt; b" in text
    assert "data:image/png;base64," in text
    assert not re.search(r"(src|href)=['\"]?(https?:)?//", text)
    assert "prefers-color-scheme: dark" in text
    assert not list(tmp_path.glob(".part*"))


def test_tables_have_units_and_skip_arrays():
    table = Table({"e": [1.0, np.nan], "name": ["x", "<y>"], "scan": np.zeros((2, 3)), "ok": [True, False]})
    table["e"].unit = "TeV"
    text = table_html(table, columns=["name", "e", "scan", "missing", "ok"], names={"e": "energy"})
    assert "energy<small>TeV</small>" in text
    assert "&lt;y&gt;" in text
    assert text.count("<th>") == 3
    assert "–" in text


def test_values():
    assert format_value(np.float64(1234567.0)) == "1.235e+06"
    assert format_value(np.int64(5)) == "5"
    assert format_value(np.bool_(True)) == "yes"


def test_plain_data_can_be_json():
    assert plain({"a": np.array([1.0, np.inf]), 2: (np.int32(1),)}) == {"a": [1.0, None], "2": [1]}


def test_comparison_for_the_terminal():
    table = Table({"name": ["a.b"], "value": [1.0], "error": [0.1], "unit": ["TeV"], "true": [1.2], "pull": [-2.0]})
    head, rule, row = format_comparison(table)
    assert head.split() == ["parameter", "fit", "true", "pull", "unit"]
    assert set(rule) == {"─", " "}
    assert "1 ± 0.1" in row
    assert "-2.00" in row


def test_result_is_trustworthy_only_if_all_steps_are():
    result = AnalysisResult(config=None, out=None, statements=[(True, "a"), (False, "b")])
    assert not result.trustworthy
    assert result.text().splitlines() == ["✓ a", "✗ b"]
