"""Links between pages resolve, pictures are small and there, and every page can be reached."""

import doc_pages
import pytest


def is_external(target):
    return target.startswith(("http://", "https://", "mailto:"))


@pytest.mark.parametrize("path", doc_pages.files(), ids=doc_pages.name)
def test_links_resolve(path):
    broken = []
    for target in doc_pages.links(path):
        if is_external(target):
            continue
        file, _, anchor = target.partition("#")
        page = (path.parent / file).resolve() if file else path
        if not page.exists() or (anchor and anchor not in doc_pages.anchors(page)):
            broken.append(target)
    assert not broken


def test_every_page_can_be_reached_from_the_readme():
    reached, todo = set(), [doc_pages.ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        targets = (target.partition("#")[0] for target in doc_pages.links(page) if not is_external(target))
        todo += [(page.parent / target).resolve() for target in targets if target]
    assert set(doc_pages.files()) - reached == set()


def test_pictures_are_small():
    pictures = sorted((doc_pages.ROOT / "docs" / "images").glob("*.png"))
    assert pictures
    assert sum(picture.stat().st_size for picture in pictures) < 150_000


def test_decisions_are_numbered_without_gaps_and_have_four_parts():
    notes = sorted(path for path in (doc_pages.ROOT / "docs" / "decisions").glob("0*.md"))
    assert [int(path.name[:4]) for path in notes] == list(range(1, len(notes) + 1))
    for path in notes:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(path.name[:4])}. "), path.name
        parts = [text.find(f"**{part}.**") for part in ("Context", "Decision", "Measurement", "Consequence")]
        assert parts == sorted(parts), path.name
        assert parts[0] > 0, path.name


def test_a_broken_link_and_a_missing_anchor_are_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One title\n\n[a](missing.md) [b](#one-title) `[c](code.md)`\n")
    assert doc_pages.links(page) == ["missing.md", "#one-title"]
    assert doc_pages.anchors(page) == {"one-title"}
