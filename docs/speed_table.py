"""Write measured times into the README, between its two marks.

Usage::

    python -m benchmarks.speed crab_1d --json crab_1d.json
    python -m benchmarks.speed crab_3d --json crab_3d.json
    python docs/speed_table.py crab_1d.json crab_3d.json
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
    for row in measured.get("memory", ()):
        if row["ratio"] is not None:
            sizes = f"{row['gjax_mib']:.0f} MiB | {row['gammapy_mib']:.0f} MiB | {ratio(row['ratio'])}"
            lines.append(f"| {row['phase']} | {row['kind']} | {sizes} |")
    return "\n".join(lines)


def with_table(text, *results):
    """The README with a table of every result in their place; older ones are replaced."""
    start = text.index("\n", text.index(BEGIN)) + 1
    return text[:start] + "\n" + "\n\n".join(map(table, results)) + "\n\n" + text[text.index(END) :]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    found = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]]
    README.write_text(with_table(README.read_text(encoding="utf-8"), *found), encoding="utf-8")
