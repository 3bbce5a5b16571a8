"""Measured times find their place in the README."""

import importlib.util

import doc_pages

SPEC = importlib.util.spec_from_file_location("speed_table", doc_pages.ROOT / "docs" / "speed_table.py")
speed_table = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(speed_table)

MEASURED = {
    "case": "crab_1d",
    "machine": {"cpu": "some processor", "cores": 2},
    "phases": [
        {"phase": "fit", "kind": "warm", "gjax_s": 0.0041, "gammapy_s": 1.23, "ratio": 300.0},
        {"phase": "freeze", "kind": "warm", "gjax_s": 0.01, "gammapy_s": None, "ratio": None},
    ],
}


def test_the_table_is_put_between_the_marks_and_replaced():
    before = (doc_pages.ROOT / "README.md").read_text(encoding="utf-8")
    once = speed_table.with_table(before, MEASURED)
    assert "| fit | warm | 4.1 ms | 1.23 s | 300 |" in once
    assert "freeze |" not in once
    assert speed_table.with_table(once, MEASURED) == once
    head, tail = before.split(speed_table.BEGIN)[0], before.split(speed_table.END)[1]
    assert once.startswith(head)
    assert once.endswith(tail)
