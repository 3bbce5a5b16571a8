"""Reading the documentation: fenced blocks, links and headings of Markdown files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, the words after the fence, and its text."""

    file: Path
    line: int
    info: tuple[str, ...]
    body: str


def files() -> list[Path]:
    """All Markdown files of the project."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*top, *sorted((ROOT / "docs").rglob("*.md"))]


def name(path: Path) -> str:
    """Path relative to the project."""
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, *info: str) -> list[Block]:
    """Fenced blocks whose words after the fence are exactly ``info``."""
    text = path.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        words = tuple(match["info"].split())
        if words == info:
            found.append(Block(path, text.count("\n", 0, match.start("body")) + 1, words, match["body"]))
    return found


def all_infos(path: Path) -> set[tuple[str, ...]]:
    """What is written after the fences of a file."""
    return {tuple(m["info"].split()) for m in FENCE.finditer(path.read_text(encoding="utf-8"))}


def prose(path: Path) -> str:
    """Text without fenced blocks and without code between backticks."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", path.read_text(encoding="utf-8")))


def links(path: Path) -> list[str]:
    """Targets of links and pictures."""
    return [match["target"] for match in LINK.finditer(prose(path))]


def anchors(path: Path) -> set[str]:
    """Anchors of the headings, as they are made on the usual hosting sites."""
    found = set()
    for line in FENCE.sub("", path.read_text(encoding="utf-8")).splitlines():
        if line.startswith("#"):
            title = line.lstrip("#").strip().lower().replace("`", "")
            found.add(re.sub(r"[^\w\- ]", "", title).replace(" ", "-"))
    return found
