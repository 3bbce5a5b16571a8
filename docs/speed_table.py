"""Write measured times into the README, between its two marks.

Usage::

    python -m benchmarks.speed crab_1d --json speed.json
    python docs/speed_table.py speed.json
"""

import json
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- speed table: begin", "<!-- speed table: end -->"


def seconds(value):
    """A time for people."""
    if value is None:
        return ""
    return f"{float(f'{value * 1e3:.2g}'):g} ms" if value < 1 else f"{value:.3g} s"


def ratio(value):
    """A ratio with two digits."""
    return f"{float(f'{value:.2g}'):g}"


def table(measured):
    """Markdown rows of the phases that both programs have."""
    machine = measured["machine"]
    lines = [
        f"`python -m benchmarks.speed {measured['case']}` on {machine['cores']} cores of {machine['cpu']}:",
        "",
        "| phase | | gjax | Gammapy 2.1 | ratio |",
        "|---|---|---|---|---|",
    ]
    for row in measured["phases"]:
        if row["ratio"] is not None:
            times = f"{seconds(row['gjax_s'])} | {seconds(row['gammapy_s'])} | {ratio(row['ratio'])}"
            lines.append(f"| {row['phase']} | {row['kind']} | {times} |")
    return "\n".join(lines)


def with_table(text, measured):
    """The README with the table in its place; an older one is replaced."""
    start = text.index("\n", text.index(BEGIN)) + 1
    return text[:start] + "\n" + table(measured) + "\n\n" + text[text.index(END) :]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    result = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    README.write_text(with_table(README.read_text(encoding="utf-8"), result), encoding="utf-8")
