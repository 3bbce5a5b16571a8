"""Model files: those of the public data, covariance tables, XML of the Fermi tools; and tables of the public data."""

import astropy.units as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml

from gjax.errors import ConfigError, DataFormatError, MissingDataError
from gjax.models import (
    EBL_DATA_BUILTIN,
    DarkMatterAnnihilationSpectralModel,
    DarkMatterDecaySpectralModel,
    EBLAbsorptionNormSpectralModel,
    Models,
    PowerLawSpectralModel,
    PrimaryFlux,
    SkyModel,
    TemplateSpectralModel,
)
from gjax.parameters import Parameter, fill, freeze_tree

#: Model files of the public data, and what Gammapy 2.1 says of their first component at 1 TeV [cm-2 s-1 TeV-1].
FILES = {
    "tests/models/gc_example_models.yaml": 2.714512254107879e-12,
    "estimators/crab_hess_fp/models.yaml": 3.0e-11,
    "estimators/pks2155_hess_lc/models.yaml": 2.0e-11,
}


@pytest.mark.data
def test_all_model_files_of_the_public_data_are_known(gammapy_data):
    found = {
        str(path.relative_to(gammapy_data))
        for path in gammapy_data.rglob("*.y*ml")
        if "components:" in path.read_text(errors="replace")
    }
    assert found == set(FILES)


@pytest.mark.data
@pytest.mark.parametrize("name", FILES)
def test_model_files_open_and_survive_a_round_trip(gammapy_data, tmp_path, name):
    models = Models.read(gammapy_data / name)
    assert models[0].spectral_model("1 TeV").to_value("cm-2 s-1 TeV-1") == pytest.approx(FILES[name], rel=1e-12, abs=0)
    path = tmp_path / "again.yaml"
    models.write(path)
    again = Models.read(path)
    assert again.to_dict() == models.to_dict()
    ours, theirs = models.parameter_table, again.parameter_table
    assert (ours.names, ours.units) == (theirs.names, theirs.units)
    for column in ("values", "free", "scales"):
        np.testing.assert_array_equal(getattr(ours, column), getattr(theirs, column))
    data = yaml.safe_load((gammapy_data / name).read_text())
    data["components"][0]["spectral"]["colour"] = "red"
    with pytest.raises(ConfigError, match="unknown key 'colour'"):
        Models.from_dict(data)
    data["components"][0]["spectral"] = {"type": "PowerLaw3SpectralModel"}
    with pytest.raises(ConfigError, match=r"spectral\.type: spectral model 'PowerLaw3SpectralModel' is unknown"):
        Models.from_dict(data)


def test_covariance_of_linked_models_survives_files(tmp_path):
    index = Parameter(2.0)
    models = Models([SkyModel(PowerLawSpectralModel(index), name=name) for name in "ab"])
    size = models.parameter_table.size
    root = np.random.default_rng(1).normal(size=(size, size))
    models = Models(models, covariance=root @ root.T)
    models.write(tmp_path / "m.yaml")
    table = (tmp_path / "m_covariance.dat").read_text().splitlines()
    assert len(table) == 1 + 6  # a row for every use, as Gammapy counts them
    np.testing.assert_array_equal(Models.read(tmp_path / "m.yaml").covariance, models.covariance)
    (tmp_path / "m_covariance.dat").write_text("| Parameters | 0 |\n| x | 1 | 2 |\n| y | a | 2 |\n")
    with pytest.raises(ConfigError, match="not a table of a covariance"):
        Models.read(tmp_path / "m.yaml")
    (tmp_path / "m_covariance.dat").unlink()
    with pytest.raises(MissingDataError, match="covariance"):
        Models.read(tmp_path / "m.yaml")
    with pytest.raises(ValueError, match="covariance: expected 5 by 5 numbers"):
        Models(models, covariance=np.eye(3))


# ---- XML ----

SOURCE = """<source_library><source name="s" type="PointSource"><spectrum type="{kind}">{rows}</spectrum>
<spatialModel type="SkyDirFunction">
<parameter name="RA" value="83.6"/><parameter name="DEC" value="22.0"/></spatialModel>
</source></source_library>"""
MEV = np.array([100.0, 1000.0, 20000.0])
#: Type, parameters, and the flux [cm-2 s-1 MeV-1] as a formula of the Fermi tools' documentation and code.
SPECTRA = {
    "PowerLaw": ({"Prefactor": 2e-11, "Index": -2.1, "Scale": 1e3}, lambda e: 2e-11 * (e / 1e3) ** -2.1),
    "PowerLaw2": (
        {"Integral": 3e-8, "Index": -2.0, "LowerLimit": 100, "UpperLimit": 1e5},
        lambda e: 3e-8 / (1 / 100 - 1e-5) * e**-2.0,
    ),
    "BrokenPowerLaw": (
        {"Prefactor": 2e-11, "Index1": -1.8, "Index2": -2.6, "BreakValue": 2e3},
        lambda e: 2e-11 * (e / 2e3) ** np.where(e < 2e3, -1.8, -2.6),
    ),
    "LogParabola": (
        {"norm": 2e-11, "alpha": 2.2, "beta": 0.1, "Eb": 1e3},
        lambda e: 2e-11 * (e / 1e3) ** (-2.2 - 0.1 * np.log(e / 1e3)),
    ),
    "PLSuperExpCutoff": (
        {"Prefactor": 2e-11, "Index1": -1.6, "Scale": 1e3, "Cutoff": 3e3, "Index2": 0.8},
        lambda e: 2e-11 * (e / 1e3) ** -1.6 * np.exp(-((e / 3e3) ** 0.8)),
    ),
    "PLSuperExpCutoff2": (
        {"Prefactor": 2e-11, "Index1": -1.6, "Scale": 1e3, "Expfactor": 7e-3, "Index2": 0.66},
        lambda e: 2e-11 * (e / 1e3) ** -1.6 * np.exp(-7e-3 * e**0.66),
    ),
    "PLSuperExpCutoff3": (
        {"Prefactor": 2e-11, "IndexS": -1.9, "Scale": 1e3, "Expfactor2": 0.9, "Index2": 0.7},
        lambda e: 2e-11 * (e / 1e3) ** (-1.9 + 0.9 * 0.7) * np.exp(0.9 * (1 - (e / 1e3) ** 0.7)),
    ),
    "PLSuperExpCutoff4": (
        {"Prefactor": 2e-11, "IndexS": -1.9, "Scale": 1e3, "ExpfactorS": 0.4, "Index2": 0.7},
        lambda e: 2e-11 * (e / 1e3) ** (-1.9 + 0.4 / 0.7) * np.exp(0.4 / 0.49 * (1 - (e / 1e3) ** 0.7)),
    ),
}


@pytest.mark.parametrize("kind", SPECTRA)
def test_spectra_of_the_fermi_tools(tmp_path, kind):
    parameters, formula = SPECTRA[kind]
    rows = "".join(f'<parameter name="{k}" value="{v / 2}" scale="2" free="0"/>' for k, v in parameters.items())
    path = tmp_path / "model.xml"
    path.write_text(SOURCE.format(kind=kind, rows=rows))
    model = Models.read(path)["s"]
    found = model.spectral_model(MEV * u.MeV).to_value("cm-2 s-1 MeV-1")
    np.testing.assert_allclose(found, formula(MEV), rtol=1e-10)
    assert not Models(model).parameter_table.free.any()
    path.write_text(SOURCE.format(kind=kind, rows=rows + '<parameter name="Colour" value="1"/>'))
    with pytest.raises(ConfigError, match=r"source s\.spectrum: unknown parameter 'Colour'"):
        Models.read(path)


def test_bounds_errors_and_tables_of_xml(tmp_path):
    rows = (
        '<parameter name="Prefactor" value="4" scale="1e-12" free="1" min="1" max="9" error="0.5"/>'
        '<parameter name="Index" value="2.1" scale="-1" free="1" min="0" max="5" error="0.1"/>'
        '<parameter name="Scale" value="1" scale="1000" free="0" min="1" max="1"/>'
    )
    path = tmp_path / "model.xml"
    path.write_text(SOURCE.format(kind="PowerLaw", rows=rows))
    index, amplitude, reference = Models.read(path)["s"].spectral_model.parameters.values()
    assert (index.value, index.min, index.max, index.error, index.frozen) == (2.1, 0.0, 5.0, 0.1, False)
    assert (amplitude.value, amplitude.max, amplitude.error) == pytest.approx((4e-6, 9e-6, 5e-7))
    assert reference.constant
    (tmp_path / "flux.txt").write_text("100 1e-9\n10000 1e-13\n")
    table = '<parameter name="Normalization" value="2" free="1"/>'
    path.write_text(SOURCE.format(kind='FileFunction" file="flux.txt', rows=table))
    model = Models.read(path)["s"].spectral_model
    assert model("1 GeV").to_value("cm-2 s-1 MeV-1") == pytest.approx(2e-11)
    for text, message in (
        ("<source_library>", "not an XML file"),
        ("<library/>", "expected a source_library"),
        (SOURCE.format(kind="BandFunction", rows=""), "type 'BandFunction' is unknown; expected one of PowerLaw"),
        (SOURCE.format(kind="PowerLaw", rows=""), r"source s\.spectrum: no parameter 'Index'"),
        (SOURCE.format(kind='FileFunction" file="no.txt', rows=table), r"no\.txt: no such file"),
    ):
        path.write_text(text)
        with pytest.raises((ConfigError, MissingDataError), match=message):
            Models.read(path)
    with pytest.raises(MissingDataError):
        Models.read(tmp_path / "none.xml")


@pytest.mark.data
def test_extended_sources_of_the_fermi_archive(gammapy_data):
    folder = gammapy_data / "catalogs/fermi/Extended_archive_v18/XML"
    w51 = Models.read(folder / "W51C.xml")["W51C"]
    assert w51.spectral_model("1.362 GeV").to_value("cm-2 s-1 MeV-1") == pytest.approx(2.52e-11, rel=1e-9)
    assert w51.spatial_model.normalize
    assert Models.read(folder / "SMC-Galaxy.xml")[0].spectral_model.lambda_.value == pytest.approx(100.0)
    with pytest.raises(ConfigError, match="type 'Point' is unknown; expected one of SkyDirFunction"):
        Models.read(gammapy_data / "tests/models/ctadc_skymodel_gps_sources_bright.xml")


# ---- tables of the public data ----


@pytest.mark.data
def test_absorption_tables(gammapy_data, tmp_path):
    # Gammapy 2.1 at redshift 0.2, which is a node of all tables, and 1 TeV
    expected = {
        "franceschini": 0.1134837563565877,
        "dominguez": 0.10094823610866394,
        "franceschini17": 0.12170354997866482,
        "saldana-lopez21": 0.11869760764550483,
        "finke": 0.093060767164938,
    }
    for name, value in expected.items():
        model = EBLAbsorptionNormSpectralModel.read_builtin(name, redshift=0.2)
        assert model("1 TeV").value == pytest.approx(value, rel=2e-6), name
    source = SkyModel(PowerLawSpectralModel() * model, name="blazar")
    Models(source).write(tmp_path / "m.yaml")
    text = (tmp_path / "m.yaml").read_text()
    assert EBL_DATA_BUILTIN["finke"] in text
    assert Models.read(tmp_path / "m.yaml").to_dict() == Models(source).to_dict()
    # the folder of another machine: the table of that name
    (tmp_path / "m.yaml").write_text(text.replace("$GAMMAPY_DATA/ebl", "/home/other"))
    assert Models.read(tmp_path / "m.yaml")[0].spectral_model("1 TeV") == source.spectral_model("1 TeV")
    (tmp_path / "m.yaml").write_text(text.replace("frd_abs", "none"))
    with pytest.raises(MissingDataError, match="no such file"):
        Models.read(tmp_path / "m.yaml")
    nearest = TemplateSpectralModel.read_xspec_model(EBL_DATA_BUILTIN["finke"], 0.2)
    assert nearest("1 TeV").value == pytest.approx(model("1 TeV").value, rel=0.02)
    with pytest.raises(ValueError, match="out of range"):
        TemplateSpectralModel.read_xspec_model(EBL_DATA_BUILTIN["finke"], 9.0)
    (tmp_path / "bad.fits").write_bytes(b"SIMPLE")
    with pytest.raises(DataFormatError, match="expected the tables PARAMETERS"):
        EBLAbsorptionNormSpectralModel.read(tmp_path / "bad.fits")


@pytest.mark.data
def test_dark_matter(gammapy_data, tmp_path):
    per_pair = PrimaryFlux("1 TeV", "b")
    # a pair of quarks turns a third or so of its energy into gamma rays
    assert 0.4 < per_pair.energy_flux("1 MeV", "1 TeV").to_value("TeV") < 0.6
    assert per_pair("1.1 TeV").value == 0
    factor = 3.41e19 * u.Unit("GeV2 cm-5")
    model = DarkMatterAnnihilationSpectralModel("5 TeV", "b", jfactor=factor, scale=2.0)
    expected = 2 * 3e-26 * factor.value / (8 * np.pi * 5000**2) * PrimaryFlux("5 TeV", "b")("1 TeV").to_value("GeV-1")
    assert model("1 TeV").to_value("cm-2 s-1 GeV-1") == pytest.approx(expected, rel=1e-12, abs=0)
    decay = DarkMatterDecaySpectralModel("10 TeV", "b", jfactor="3e19 GeV cm-2", z=0.1)
    expected = 3e19 / (4 * np.pi * 4.3e17 * 1e4) * PrimaryFlux("5 TeV", "b")("1.1 TeV").to_value("GeV-1")
    assert decay("1 TeV").to_value("cm-2 s-1 GeV-1") == pytest.approx(expected, rel=1e-12, abs=0)
    models = Models([SkyModel(model, name="a"), SkyModel(decay, name="d")]).unfreeze("a.spectral.mass")
    models.write(tmp_path / "m.yaml")
    assert Models.read(tmp_path / "m.yaml").to_dict() == models.to_dict()
    skeleton, table = freeze_tree(model)
    place = table.names.index("mass")
    theta = np.tile(table.values, (3, 1)) + np.eye(len(table.values))[place] * np.array([[0], [1e-4], [-1e-4]])
    one = jnp.asarray(1.0)
    values, slopes = jax.vmap(jax.value_and_grad(lambda t: fill(skeleton, t).evaluate(one)))(jnp.asarray(theta))
    slope = slopes[0, place]
    assert slope != 0
    assert float(slope) == pytest.approx(float(values[1] - values[2]) / 2e-4, rel=0.3)  # a node is near: two slopes
    for arguments, message in (
        (("5 TeV", "x"), "channel: expected one of eL"),
        (("1 GeV", "b"), "outside of the table"),
        (("5 TeV", "b", "cosmixs"), "source: expected 'pppc4'"),
    ):
        with pytest.raises(ValueError, match=message):
            PrimaryFlux(*arguments)
