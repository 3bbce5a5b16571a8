"""The configuration: round trip, and errors that name key, line and what was meant."""

import pytest

from gjax.analysis import AnalysisConfig
from gjax.analysis.config_io import default_text, parse
from gjax.errors import ConfigError, MissingDataError


def test_default_holds_the_reference_settings():
    config = AnalysisConfig.default()
    assert config.data.obs_ids == (23523, 23526, 23559, 23592)
    assert len(config.energy.edges()) == 28
    assert len(config.energy_true.edges()) == 68
    assert config.background.exclusion_regions[0].region.center.frame.name == "galactic"
    assert config.reduction.containment_correction
    assert config.safe_mask.methods == ("aeff-max",)


def test_round_trip(tmp_path):
    config = AnalysisConfig.default()
    path = config.write(tmp_path / "config.yaml")
    assert AnalysisConfig.read(path) == config
    with pytest.raises(FileExistsError):
        config.write(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("obs_ids:", "obsids:", r"line 14: data: unknown key 'obsids'; did you mean 'obs_ids'\?"),
        ("energy_true:", "energytrue:", r"unknown key 'energytrue'; did you mean 'energy_true'"),
        ("radius: 0.11 deg", "radius: 0.11 m", r"line 21: on_region.radius: got '0.11 m', expected .* deg"),
        ("radius: 0.11 deg", "radius: 0.11", r"on_region.radius: got 0.11, expected a string"),
        ("radius: 0.11 deg", "radius: nan deg", r"on_region.radius: got 'nan deg'"),
        (
            "radius: 0.5 deg",
            "radius: -1 deg",
            r"line 26: background.exclusion_regions\[0\].radius: got '-1 deg', expected more than",
        ),
        ("frame: icrs", "frame: fk4", r"on_region.frame: got 'fk4', expected one of icrs, galactic"),
        ("lat: 22.01 deg", "lat: 122 deg", r"on_region.lat"),
        ("[aeff-max]", "[aeff-mx]", r"safe_mask.methods: got 'aeff-mx'"),
        ("[aeff-max]", "aeff-max", r"safe_mask.methods: got 'aeff-max', expected a list"),
        ("min: 0.1 TeV", "min: 0.01 TeV", r"true energies must cover"),
        ("max: 40 TeV", "max: 0.04 TeV", r"energy.max: got '0.04 TeV', expected more than energy.min"),
        ("chains: 4", "chains: 0", r"sampling.chains: got 0, expected at least 1"),
        ("chains: 4", "chains: true", r"sampling.chains: got True, expected a whole number"),
        ("# energy_min: 0.7 TeV", "energy_min: 70 TeV", r"fit.energy_min and fit.energy_max leave nothing"),
        (", max: 25.663 TeV", ", max: 0.8 m", r"flux_points.axis.max"),
        ("23523, 23526", "23523, 23523", r"data.obs_ids: 23523 is listed twice"),
        ("datastore: $GAMMAPY_DATA/hess-dl3-dr1", "", r"data: the key 'datastore' is missing"),
        ("fit: ", "sampling: ", r"the key 'sampling' is given twice"),
        ("on_region: ", "on_region: [", r"not valid YAML"),
    ],
)
def test_wrong_content_is_refused(old, new, message):
    text = default_text()
    assert old in text
    with pytest.raises(ConfigError, match=message) as error:
        parse(text.replace(old, new, 1), "my.yaml")
    assert str(error.value).startswith("my.yaml, line")


def test_empty_and_missing_files(tmp_path):
    with pytest.raises(ConfigError, match="the key 'data' is missing"):
        parse("", "empty.yaml")
    with pytest.raises(ConfigError, match="expected keys with values"):
        parse("[1, 2]", "list.yaml")
    with pytest.raises(MissingDataError, match=r"nothing\.yaml: no such file"):
        AnalysisConfig.read(tmp_path / "nothing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read as text"):
        AnalysisConfig.read(tmp_path / "binary.yaml")


def test_numbers_without_a_dot_are_numbers():
    config = parse(default_text().replace("3.8e-11", "4e-11"), "x")
    assert config.model[0]["spectral"]["parameters"][0]["value"] == 4e-11
