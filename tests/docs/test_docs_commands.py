"""Commands, configuration keys, models and exit codes of the documentation are those of the program."""

import dataclasses
import json
import os
import re
import shlex

import doc_pages
import pytest
import yaml

from gjax.analysis import AnalysisConfig
from gjax.cli.main import EXIT_CODES, build_parser, main
from gjax.models import spectral_models

DOCS = doc_pages.ROOT / "docs"
CHEAP = [["config"], ["config", "--3d"], ["info"], ["info", "--json"], ["--help"], ["--version"]]


def commands():
    """Lines of the shell blocks, with the page they are in."""
    for path in doc_pages.files():
        for block in doc_pages.blocks(path, "bash"):
            for line in block.body.splitlines():
                words = shlex.split(line, comments=True)
                if words:
                    yield path, words


def gjax_commands():
    return [(path, words[1:]) for path, words in commands() if words[0] == "gjax"]


def test_make_targets_exist():
    makefile = (doc_pages.ROOT / "Makefile").read_text(encoding="utf-8")
    asked = {word for _, words in commands() if words[0] == "make" for word in words[1:] if "=" not in word}
    assert {"demo", "test"} <= asked
    assert asked <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def test_readme_names_the_test_command():
    assert "make test" in [" ".join(words) for path, words in commands() if path.name == "README.md"]


def test_gjax_commands_are_understood():
    found = gjax_commands()
    assert {words[0] for _, words in found} >= {"demo", "config", "fit", "info", "check"}
    for path, words in found:
        words = words[: words.index(">")] if ">" in words else words
        if not words[0].startswith("--"):
            assert build_parser().parse_args(words).command == words[0], doc_pages.name(path)


@pytest.mark.parametrize("words", CHEAP, ids=" ".join)
def test_cheap_commands_run(words, capsys):
    assert words in [found for _, found in gjax_commands()]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert out
    if words[-1] == "--json":
        assert json.loads(out)["versions"]["gjax"]


def test_readme_commands_on_real_data_are_those_of_the_program(tmp_path, monkeypatch, capsys):
    """gjax config > crab.yaml gives a file that gjax fit accepts, up to the data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAMMAPY_DATA", raising=False)
    assert main(["config"]) == 0
    (tmp_path / "crab.yaml").write_text(capsys.readouterr().out)
    assert main(["fit", "crab.yaml"]) == 3
    assert "GAMMAPY_DATA is not set" in capsys.readouterr().err


@pytest.mark.data
def test_the_check_of_the_readme_finds_no_error(gammapy_data, monkeypatch, capsys):
    monkeypatch.setenv("GAMMAPY_DATA", str(gammapy_data))
    assert main(["check", os.path.expandvars("$GAMMAPY_DATA/magic/rad_max/data")]) == 0
    assert "2 observations" in capsys.readouterr().out


def test_exit_codes_are_documented():
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    codes = re.findall(r"^  (\d+)  ", EXIT_CODES, re.MULTILINE)
    assert len(codes) >= 6
    assert [code for code in codes if f"| {code} |" not in text] == []


def options(command):
    """Options of a command, without those that every command has."""
    actions = build_parser()._subparsers._group_actions[0].choices[command]._actions
    return {option for action in actions for option in action.option_strings if option.startswith("--")}


def test_options_are_documented():
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    for command in ("demo", "fit", "config", "info", "check"):
        assert f"| `gjax {command}" in text
        assert [option for option in options(command) if option not in text] == []


def keys(cls):
    hidden = {"name"} if cls.__name__ in ("AxisConfig", "CircleConfig") else set()
    return {field.name for field in dataclasses.fields(cls)} - hidden


def sections():
    """Title and body of the sections of the configuration page."""
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def test_every_configuration_key_is_documented():
    found, config = sections(), AnalysisConfig.default()
    for field in dataclasses.fields(config):
        title = "energy, energy_true" if field.name.startswith("energy") else field.name
        assert title in found, field.name
        value = getattr(config, field.name)
        if value is None:
            value = getattr(AnalysisConfig.default("3d"), field.name)
        if dataclasses.is_dataclass(value):
            missing = [key for key in keys(type(value)) if f"`{key}`" not in found[title]]
            assert missing == [], title


def test_documented_defaults_are_those_of_the_program():
    row = re.compile(r"^\| `(\w+)` \| `([^`]*)` \|", re.MULTILINE)
    documented = {title: dict(row.findall(body)) for title, body in sections().items() if "default" in body}
    config, cubes = AnalysisConfig.default(), AnalysisConfig.default("3d")
    checked = 0
    for title, found in documented.items():
        section = getattr(config, title, None) or getattr(cubes, title, None)
        if not dataclasses.is_dataclass(section):
            continue
        for field in dataclasses.fields(section):
            if field.name in found:
                value = list(field.default) if isinstance(field.default, tuple) else field.default
                given = yaml.safe_load(found[field.name])
                assert given == value, f"{title}.{field.name}"
                checked += 1
    assert checked > 15


def yaml_blocks():
    return [block for path in doc_pages.files() for block in doc_pages.blocks(path, "yaml")]


@pytest.mark.parametrize("block", yaml_blocks(), ids=lambda b: f"{b.file.name}-{b.line}")
def test_yaml_is_valid(block, tmp_path):
    from gjax.analysis.stages import read_models

    file = tmp_path / "page.yaml"
    file.write_text(block.body)
    assert read_models(AnalysisConfig.read(file)).sources


def test_every_spectral_model_is_in_the_table():
    import gjax.models
    from gjax.models._spectral import declared_parameters

    text = (DOCS / "models.md").read_text(encoding="utf-8")
    public = {cls for name, cls in vars(gjax.models).items() if name.endswith("SpectralModel")}
    own = {tag: cls for tag, cls in spectral_models().items() if cls in public}
    assert len(own) >= 10
    for tag, cls in own.items():
        row = next((line for line in text.splitlines() if line.startswith(f"| `{cls.__name__}` | `{tag}` |")), "")
        fields = {*declared_parameters(cls), *cls.file_keys()} - {"operator"}
        assert row, cls.__name__
        assert [field for field in fields if f"`{field}`" not in row] == [], cls.__name__
