"""Conversion to canonical units, and files that appear whole or not at all."""

import os

import astropy.units as u
import numpy as np
import pytest

from gjax.errors import MissingDataError, UnitError
from gjax.paths import expand_path, write_atomic
from gjax.units import attach_unit, equal_units, same_unit, split_quantity, to_canonical


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (2, "TeV", 2.0),
        (np.float32(2.5), "TeV", 2.5),
        ("2 TeV", "TeV", 2.0),
        ("  2e3   GeV ", "TeV", 2.0),
        ("3.0", "", 3.0),
        (2 * u.GeV, "TeV", 0.002),
        (np.array([1, 2]) * u.GeV, "TeV", [0.001, 0.002]),
        ([1, 2], "TeV", [1.0, 2.0]),
        (np.array(3), "TeV", 3.0),
        ("1 m2 s", "cm2 s", 1e4),
        (50 * u.percent, "", 0.5),
    ],
)
def test_values_become_floats_in_the_canonical_unit(value, unit, expected):
    ours = to_canonical(value, unit, "x")
    np.testing.assert_allclose(ours, expected, rtol=1e-14)
    assert isinstance(ours, float | np.ndarray)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("2 s", UnitError),
        ("2", UnitError),
        ("2 TeVV", UnitError),
        (2 * u.s, UnitError),
        ("TeV", ValueError),
        ("", ValueError),
        ("two TeV", ValueError),
        (float("nan"), ValueError),
        ("nan TeV", ValueError),
        ([1.0, np.nan], ValueError),
        (None, ValueError),
        ([], ValueError),
        ({}, ValueError),
        ("1 TeV 2", ValueError),
    ],
)
def test_what_is_no_energy_is_refused_by_name(value, error):
    with pytest.raises(error, match="emin"):
        to_canonical(value, "TeV", "emin")


def test_units_compared():
    assert same_unit("cm-2 s-1 TeV-1", "TeV-1 cm-2 s-1")
    assert same_unit("cm**2 * s", "s cm2")
    assert not same_unit("cm-2", "cm-1")
    assert equal_units("1 / (TeV s cm2)", "TeV-1 s-1 cm-2")
    assert not equal_units("GeV", "TeV")
    assert not equal_units("parrot", "TeV")
    assert split_quantity("4e-11 cm-2 s-1") == (4e-11, "cm-2 s-1")
    assert attach_unit([1.0, 2.0], "TeV").unit == u.TeV


def test_paths_expand_variables(monkeypatch):
    monkeypatch.setenv("GJAX_TEST_DATA", "/data")
    assert expand_path("$GJAX_TEST_DATA/a/b.fits").as_posix() == "/data/a/b.fits"
    assert expand_path("${GJAX_TEST_DATA}/a").as_posix() == "/data/a"
    assert expand_path("~/x").is_absolute()
    with pytest.raises(MissingDataError, match="the environment variable GJAX_NOT_SET is not set"):
        expand_path("$GJAX_NOT_SET/a")
    with pytest.raises(MissingDataError, match="GJAX_NOT_SET"):
        expand_path("/x/${GJAX_NOT_SET}/a")


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "deep" / "table.ecsv.gz"
    write_atomic(path, lambda p: p.write_text("first"))
    assert path.read_text() == "first"
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        write_atomic(path, lambda p: p.write_text("second"))

    def fail(part):
        assert part.suffixes[-2:] == [".ecsv", ".gz"]
        part.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_atomic(path, fail, overwrite=True)
    assert path.read_text() == "first"
    assert os.listdir(path.parent) == ["table.ecsv.gz"]
    write_atomic(path, lambda p: p.write_text("second"), overwrite=True)
    assert path.read_text() == "second"
