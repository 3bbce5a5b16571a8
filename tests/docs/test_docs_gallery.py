"""The gallery of models: a page for each, with a formula and a reference."""

import importlib.util
from pathlib import Path

import pytest
import yaml

SCRIPT = Path(__file__).parents[2] / "docs" / "make_gallery.py"
DATA = ("dm-pf", "dm-annihilation", "dm-decay")


@pytest.fixture(scope="module")
def gallery():
    spec = importlib.util.spec_from_file_location("make_gallery", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def own_models(gallery):
    """The models of gjax by kind and tag, without those that tests and estimators define for themselves."""
    return [
        (kind, tag, cls)
        for kind, models in gallery.registered().items()
        for tag, cls in models.items()
        if cls.__module__.startswith(("gjax.models.", "gjax.emission."))
    ]


def test_every_model_has_a_page(gallery):
    found = own_models(gallery)
    assert len(found) > 50
    for kind, tag, cls in found:
        assert gallery.formula_of(cls), f"{cls.__name__}: no formula in its docstring"
        assert gallery.reference_of(cls), f"{cls.__name__}: no reference in its docstring"
        if tag in DATA:
            continue
        page = gallery.page_of(kind, tag, cls)
        assert page.startswith(f"# {cls.__name__}")
        assert "$$" in page
        text = page.split("```yaml\n")[1].split("```")[0]
        data = yaml.safe_load(text)
        # templates without a file say so
        assert data is None or "type" in data[kind]


@pytest.mark.data
def test_models_of_tables_have_pages(gallery, gammapy_data):
    for kind, tag, cls in own_models(gallery):
        if tag in DATA:
            assert "| `scale` |" in gallery.page_of(kind, tag, cls) or tag == "dm-pf"


def test_pictures(gallery, tmp_path):
    models = gallery.registered()
    for kind, tag in (("spectral", "lp"), ("spatial", "gauss"), ("temporal", "gauss")):
        page = gallery.page_of(kind, tag, models[kind][tag], tmp_path)
        assert f"({kind}-{tag}.png)" in page
        assert 1000 < (tmp_path / f"{kind}-{tag}.png").stat().st_size < 60_000
