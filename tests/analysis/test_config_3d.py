"""The configuration of cubes: what belongs to them, and what does not."""

import pytest

from gjax.analysis import AnalysisConfig
from gjax.analysis.config_io import default_text, parse
from gjax.analysis.cube_reduction import cube_geometry, empty_cube
from gjax.analysis.stages import read_models
from gjax.errors import ConfigError


def test_default_holds_the_reference_settings():
    config = AnalysisConfig.default("3d")
    assert config.is_3d
    geom = cube_geometry(config)
    assert geom.data_shape == (16, 250, 250)
    assert geom.projection == "TAN"
    assert geom.center_skydir.ra.deg == pytest.approx(83.63)
    assert empty_cube(config).exposure.data.shape == (31, 250, 250)
    assert config.reduction.stack
    assert config.safe_mask.methods == ("offset-max", "aeff-default")
    model = read_models(config)["crab"]
    assert model.spatial_model.lat_0.value == 22.01


def test_round_trip(tmp_path):
    config = AnalysisConfig.default("3d")
    assert AnalysisConfig.read(config.write(tmp_path / "config.yaml")) == config


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("type: 3d", "type: 4d", r"line 8: type: got '4d', expected one of 1d, 3d"),
        ("type: 3d", "type: 1d", r"on_region: the key 'on_region' is missing.*or set 'type: 3d'"),
        ("type: 3d", "", r"on_region: the key 'on_region' is missing"),
        ("geometry:", "geom:", r"unknown key 'geom'; did you mean 'geometry'"),
        ("data:", "on_region: {lon: 1 deg, lat: 2 deg}\ndata:", r"on_region: belongs to type 1d, not to type 3d"),
        ("method: fov", "method: reflected", r"background.method: got 'reflected', expected one of auto, fov, none"),
        ("width: 5 deg", "width: 5 m", r"geometry.width: got '5 m'"),
        ("width: 5 deg", "", r"geometry: the key 'width' is missing"),
        ("width: 5 deg", "width: 0.01 deg", r"geometry.binsz: got '0.02 deg', expected less than half of the width"),
        ("binsz: 0.02 deg", "binsz: 0.2 arcsec", r"makes 90000 x 90000 pixels"),
        ("proj: TAN", "proj: FLAT", r"geometry.proj: got 'FLAT', expected one of TAN"),
        ("lat: 22.01 deg\n  width", "lat: 95 deg\n  width", r"geometry.lat: got '95 deg'"),
    ],
)
def test_wrong_content_is_refused(old, new, message):
    text = default_text("3d")
    assert old in text
    with pytest.raises(ConfigError, match=message):
        parse(text.replace(old, new, 1), "my.yaml")


def test_what_spectra_cannot_have():
    with pytest.raises(ConfigError, match=r"bkg-peak needs a background model"):
        parse(default_text().replace("[aeff-max]", "[bkg-peak]"), "x")
    with pytest.raises(ConfigError, match=r"got 'fov', expected one of auto, reflected, wobble for type 1d"):
        parse(default_text().replace("method: reflected", "method: fov"), "x")
    with pytest.raises(ConfigError, match=r"geometry: belongs to type 3d"):
        parse(default_text() + "\ngeometry: {lon: 1 deg, lat: 2 deg, width: 3 deg}\n", "x")


def test_sources_need_a_shape_inside_the_geometry():
    text = default_text("3d")
    with pytest.raises(ConfigError, match=r"source 'crab' at 93.63 deg, 22.01 deg .* lies outside of the geometry"):
        read_models(parse(text.replace("value: 83.63", "value: 93.63"), "x"))
    start = text.index("    spatial:")
    with pytest.raises(ConfigError, match=r"source 'crab' has no 'spatial' part"):
        read_models(parse(text[:start] + text[text.index("\nfit:") :], "x"))
    frozen = text.replace("value: 83.63", "value: 93.63")
    for name in ("index", "amplitude", "lon_0", "lat_0"):
        frozen = frozen.replace(f"{{name: {name},", f"{{name: {name}, frozen: true,")
    assert read_models(parse(frozen, "x")).names == ["crab"]
