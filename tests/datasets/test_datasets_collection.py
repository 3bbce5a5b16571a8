"""Lists of datasets and their files."""

import astropy.units as u
import numpy as np
import pytest

from gjax.datasets import Datasets, SpectrumDatasetOnOff
from gjax.errors import ConfigError, MissingDataError
from gjax.irf import EDispKernel
from gjax.maps import MapAxis, RegionGeom, RegionNDMap

ENERGY = MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=4)
TRUE = MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=4, name="energy_true")


def make(name, counts=1.0, energy=ENERGY):
    geom = RegionGeom.create(None, axes=[energy])
    exposure = RegionNDMap.create(None, axes=[TRUE], data=1e9, unit="m2 s", meta={"livetime": 10 * u.s})
    return SpectrumDatasetOnOff(
        counts=RegionNDMap(geom, data=counts),
        counts_off=RegionNDMap(geom, data=4.0),
        acceptance=1,
        acceptance_off=10,
        exposure=exposure,
        edisp=EDispKernel.from_diagonal_response(TRUE, energy),
        name=name,
    )


def test_list_by_number_and_name():
    datasets = Datasets([make("a"), make("b")])
    datasets.append(make("c"))
    assert datasets.names == ["a", "b", "c"]
    assert datasets["b"] is datasets[1]
    assert "b" in datasets
    assert datasets[0] in datasets
    assert "z" not in datasets
    assert datasets[1:].names == ["b", "c"]
    assert datasets[:1].__add__([make("d")]).names == ["a", "d"]
    copied = datasets.copy()
    del copied["a"]
    copied[0] = make("b", counts=5.0)
    assert (copied.names, len(datasets)) == (["b", "c"], 3)
    assert copied["b"].counts.data.sum() == 20
    assert len(Datasets(make("alone"))) == 1
    assert len(Datasets()) == 0
    assert "Datasets(3)" in repr(datasets)
    assert "sqrt_ts" in datasets._repr_html_()
    assert Datasets()._repr_html_() == "<pre>Datasets(0)</pre>"


def test_names_differ_and_members_are_datasets():
    datasets = Datasets([make("a")])
    with pytest.raises(ValueError, match="already a dataset 'a'"):
        datasets.append(make("a"))
    with pytest.raises(TypeError, match="got a int"):
        datasets.append(3)
    with pytest.raises(KeyError, match="no dataset 'z'; there are: a"):
        datasets["z"]


def test_slicing_leaves_out_what_does_not_overlap():
    low = make("low", energy=MapAxis.from_energy_bounds("0.01 TeV", "1 TeV", nbin=4))
    sliced = Datasets([make("a"), low]).slice_by_energy("2 TeV", "40 TeV")
    assert sliced.names == ["a"]
    assert sliced["a"].energy_axis.nbin == 2


def test_energy_ranges():
    low, high = Datasets([make("a"), make("b")]).energy_ranges
    np.testing.assert_allclose(low.to_value("TeV"), [1, 1])
    np.testing.assert_allclose(high.to_value("TeV"), [100, 100])


def test_folder_round_trip_keeps_order_and_names(tmp_path):
    datasets = Datasets([make("z", counts=2.0), make("a", counts=3.0)])
    index = datasets.write(tmp_path / "out")
    assert index.name == "datasets.yaml"
    for source in (tmp_path / "out", index, str(index)):
        back = Datasets.read(source)
        assert back.names == ["z", "a"]
        assert back["a"].counts.data.sum() == 12
    with pytest.raises(FileExistsError, match=r"datasets\.yaml"):
        datasets.write(tmp_path / "out")
    datasets.write(tmp_path / "out", overwrite=True)


def test_reading_files_patterns_and_folders(tmp_path):
    make("1").write(tmp_path / "a" / "pha_obs1.fits")
    make("2").write(tmp_path / "b" / "pha_obs2.fits.gz")
    assert Datasets.read(tmp_path / "a").names == ["1"]
    assert Datasets.read(tmp_path / "a" / "pha_obs1.fits").names == ["1"]
    assert Datasets.read([tmp_path / "b" / "pha_obs2.fits.gz", str(tmp_path / "a")]).names == ["2", "1"]
    assert Datasets.read(f"{tmp_path}/*/pha*.fits*").names == ["1", "2"]


def test_environment_in_paths(tmp_path, monkeypatch):
    make("1").write(tmp_path / "pha_obs1.fits")
    monkeypatch.setenv("SPECTRA", str(tmp_path))
    assert Datasets.read("$SPECTRA/pha_*.fits").names == ["1"]


class TestErrors:
    def test_nothing_found(self, tmp_path):
        with pytest.raises(MissingDataError, match=r"no file pha\*.fits in this folder"):
            Datasets.read(tmp_path)
        with pytest.raises(MissingDataError, match="fits this pattern"):
            Datasets.read(tmp_path / "*.fits")
        with pytest.raises(MissingDataError, match=r"x\.yaml: no such file"):
            Datasets.read(tmp_path / "x.yaml")
        with pytest.raises(MissingDataError, match=r"x\.fits"):
            Datasets.read(tmp_path / "x.fits")

    @pytest.mark.parametrize(
        ("text", "match"),
        [
            ("[]", "expected a list under the key 'datasets'"),
            ("datasets: [{name: a}]", "dataset 0: missing keys filename, type"),
            ("datasets: [{name: a, type: Cube, filename: b}]", "dataset 0: unknown type 'Cube'"),
            ("datasets: [3]", "dataset 0: expected the keys"),
            ("datasets: [", "not valid YAML"),
        ],
    )
    def test_broken_index(self, tmp_path, text, match):
        (tmp_path / "datasets.yaml").write_text(text)
        with pytest.raises(ConfigError, match=match):
            Datasets.read(tmp_path)
