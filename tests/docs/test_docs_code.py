"""Every Python block of the documentation runs, in order, with one namespace per file."""

import doc_pages
import pytest

PYTHON = [path for path in doc_pages.files() if doc_pages.blocks(path, "python")]
DATA = [path for path in doc_pages.files() if doc_pages.blocks(path, "python", "data")]
KNOWN = {("python",), ("python", "data"), ("bash",), ("yaml",), ("yaml", "part"), ("text",), ("bibtex",)}


def run(blocks):
    """Run blocks; errors show the line of the Markdown file."""
    namespace = {"__name__": "docs"}
    for block in blocks:
        source = "\n" * (block.line - 1) + block.body
        exec(compile(source, str(block.file), "exec"), namespace)
    return namespace


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    import jax
    import matplotlib

    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    kept = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in kept}
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.mark.parametrize("path", PYTHON, ids=doc_pages.name)
def test_examples_run(path):
    assert run(doc_pages.blocks(path, "python"))


@pytest.mark.data
@pytest.mark.parametrize("path", DATA, ids=doc_pages.name)
def test_examples_on_real_data_run(path, gammapy_data, monkeypatch):
    monkeypatch.setenv("GAMMAPY_DATA", str(gammapy_data))
    assert run(doc_pages.blocks(path, "python", "data"))


def test_the_examples_are_found():
    assert doc_pages.ROOT / "README.md" in DATA
    assert len(PYTHON) >= 5


@pytest.mark.parametrize("path", doc_pages.files(), ids=doc_pages.name)
def test_no_block_escapes_by_its_label(path):
    unknown = doc_pages.all_infos(path) - KNOWN
    assert not unknown, f"expected one of {sorted(KNOWN)} after the fence"


def test_an_error_names_the_file_and_the_line(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```python\nx = 1\nx.missing\n```\n")
    with pytest.raises(AttributeError) as caught:
        run(doc_pages.blocks(page, "python"))
    last = caught.traceback[-1]
    assert (str(last.path), last.lineno + 1) == (str(page), 5)
