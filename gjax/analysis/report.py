"""A report in one HTML file: images inlined, readable in light and dark, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from gjax.fits import write_atomic

__all__ = ["Report", "format_value", "image_html", "statement", "table_html"]


def format_value(value: Any) -> str:
    """Format a cell of a table: numbers with four digits, others as text.

    Examples
    --------
    >>> format_value(3.84213e-11), format_value(12), format_value(2.0), format_value(float("nan"))
    ('3.842e-11', '12', '2', '–')
    """
    if hasattr(value, "unit") and hasattr(value, "value"):
        return format_value(value.value)
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "–" if value != value else f"{value:.4g}"
    return str(value)


def table_html(table: Any, *, columns: Sequence[str] | None = None, names: dict[str, str] | None = None) -> str:
    """Turn an astropy table into HTML, with units in the header.

    Parameters
    ----------
    table
        Table to show.
    columns
        Columns to show; those that do not exist are left out. All one-dimensional ones if None.
    names
        Other headings for columns.

    Examples
    --------
    >>> from astropy.table import Table
    >>> table_html(Table({"name": ["a"], "value": [1.5]})).count("<td")
    2
    """
    chosen = [c for c in (columns or table.colnames) if c in table.colnames and table[c].ndim == 1]
    head = ""
    for name in chosen:
        unit = getattr(table[name], "unit", None)
        text = html.escape((names or {}).get(name, name))
        head += f"<th>{text}" + (f"<small>{html.escape(str(unit))}</small>" if unit and str(unit) else "") + "</th>"
    body = ""
    for row in range(len(table)):
        cells = ""
        for name in chosen:
            value = table[name][row]
            text = format_value(value)
            number = " class='n'" if text[:1] in "0123456789-–+" or text in ("nan", "inf") else ""
            cells += f"<td{number}>{html.escape(text)}</td>"
        body += f"<tr>{cells}</tr>"
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def image_html(path: str | Path, caption: str = "", *, wide: bool = False) -> str:
    """Inline a PNG with a caption."""
    data = base64.b64encode(Path(path).read_bytes()).decode("ascii")
    text = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    kind = " class='wide'" if wide else ""
    alt = html.escape(caption, quote=True)
    return f"<figure{kind}><img alt='{alt}' src='data:image/png;base64,{data}'>{text}</figure>"


def statement(good: bool, text: str) -> str:
    """Say that something is fine, or that it is not, with a mark and a colour.

    Examples
    --------
    >>> "bad" in statement(False, "no convergence")
    True
    """
    return f"<p class='{'good' if good else 'bad'}'><b>{'✓' if good else '✗'}</b> {html.escape(text)}</p>"


@dataclass
class Report:
    """Collects sections and writes them.

    Parameters
    ----------
    title, subtitle
        Head of the page; the subtitle is optional.

    Examples
    --------
    >>> report = Report("Crab")
    >>> report.add("Fit", "<p>It converged.</p>")
    >>> "It converged" in report.html()
    True
    """

    title: str
    subtitle: str = ""
    sections: list[tuple[str, str]] = field(default_factory=list)

    def add(self, heading: str, *parts: str) -> None:
        """Add a section of HTML parts."""
        self.sections.append((heading, "\n".join(parts)))

    def html(self) -> str:
        """Return the whole page."""
        style = resources.files("gjax.analysis").joinpath("report.css").read_text(encoding="utf-8")
        anchors = [f"s{i}" for i in range(len(self.sections))]
        links = "".join(f"<a href='#{a}'>{html.escape(h)}</a>" for a, (h, _) in zip(anchors, self.sections))
        body = "".join(
            f"<section id='{a}'><h2>{html.escape(h)}</h2>{part}</section>"
            for a, (h, part) in zip(anchors, self.sections)
        )
        return (
            "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width,initial-scale=1'>"
            f"<title>{html.escape(self.title)}</title><style>{style}</style></head><body>"
            f"<header><h1>{html.escape(self.title)}</h1><p>{html.escape(self.subtitle)}</p><nav>{links}</nav></header>"
            f"<main>{body}</main></body></html>"
        )

    def write(self, path: str | Path) -> Path:
        """Write the page, replacing an older one."""
        text = self.html()

        def save(target: Path) -> None:
            target.write_text(text, encoding="utf-8")

        return write_atomic(path, save, overwrite=True)
