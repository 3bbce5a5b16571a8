"""From measured processes to rows: phase, gjax, Gammapy, ratio; and how well both agree."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

__all__ = ["agreement", "format_table", "memory", "phases"]

END = "start to fitted result"


def _warm(side: dict[str, Any] | None, name: str) -> dict[str, float] | None:
    if side is None:
        return None
    times = side["warm"].get(name)
    if times:
        return {"median_s": statistics.median(times), "min_s": min(times), "n": len(times)}
    first = side["first"].get(name)
    return None if first is None else {"median_s": first, "min_s": first, "n": 1}


def phases(out: dict[str, Any]) -> list[dict[str, Any]]:
    """Return rows: phase, whether cold or warm, both times [s] and their ratio."""
    ours, theirs = out["warm"]["gjax"], out["warm"].get("gammapy")
    rows = []

    def add(phase: str, kind: str, mine: float | None, other: float | None, **more: Any) -> None:
        ratio = other / mine if mine and other else None
        rows.append({"phase": phase, "kind": kind, "gjax_s": mine, "gammapy_s": other, "ratio": ratio, **more})

    add("import of the package", "cold", out["import_gjax_s"], out.get("import_gammapy_s"))
    other = out["cold"].get("gammapy", {"first": {}, "least": {}})
    for kind, name in (("cold", "gjax"), ("cold, compilation cache", "gjax, compilation cache")):
        mine = out["cold"][name]
        for phase, seconds in mine["first"].items():
            if phase == END or (kind == "cold" and not phase.startswith("import g")):
                least = {"gjax_min_s": mine["least"][phase], "gammapy_min_s": other["least"].get(phase)}
                add(phase, kind, seconds, other["first"].get(phase), **least)
    for name in ours["warm"]:
        mine, both = _warm(ours, name), _warm(theirs, name)
        assert mine is not None
        compile_s = max(0.0, ours["first"][name] - mine["median_s"])
        scaled = bool(theirs and theirs.get(name.replace("flux points", "points"), {}).get("scaled"))
        add(
            name,
            "warm",
            mine["median_s"],
            both["median_s"] if both else None,
            gjax_min_s=mine["min_s"],
            gammapy_min_s=both["min_s"] if both else None,
            gjax_first_minus_warm_s=compile_s,
            n=[mine["n"], both["n"] if both else 0],
            gammapy_scaled=scaled,
        )
    for name in theirs["first"] if theirs else ():
        if name not in ours["first"] and not name.startswith("import"):
            both = _warm(theirs, name)
            assert both is not None
            add(name, "warm", None, both["median_s"], gammapy_min_s=both["min_s"], n=[0, both["n"]])
    return rows


def memory(out: dict[str, Any]) -> list[dict[str, Any]]:
    """Return rows: the peak memory [MiB] of processes up to their first fit, and of those that did everything."""
    kinds = [("cold", out["cold"].get("gjax", {}), out["cold"].get("gammapy", {}))]
    kinds += [("cold, compilation cache", out["cold"].get("gjax, compilation cache", {}), kinds[0][2])]
    kinds += [("warm, all phases", out["warm"]["gjax"], out["warm"].get("gammapy", {}))]
    rows = []
    for kind, ours, theirs in kinds:
        mine, other = ours.get("peak_memory_mib"), theirs.get("peak_memory_mib")
        if mine is not None:
            ratio = other / mine if other else None
            row = {"phase": "peak memory", "kind": kind, "gjax_mib": mine, "gammapy_mib": other, "ratio": ratio}
            rows.append({**row, "gjax_after_mib": (ours.get("runs") or [ours])[-1].get("peak_memory_after_mib")})
    return rows


def agreement(out: dict[str, Any]) -> dict[str, Any]:
    """Return differences between both sides: statistic, best fits in errors, errors, flux points."""
    if "gammapy" not in out["warm"]:
        return {}
    ours, theirs = out["warm"]["gjax"], out["warm"]["gammapy"]
    found: dict[str, Any] = {}
    for name, fit in theirs["fits"].items():
        mine, best = ours["fits"].get(name), fit.get("accurate", fit)
        if mine is None:
            continue
        if not best.get("success", True):
            found[name] = {"statistic_difference": mine["stat"] - best["stat"], "gammapy_did_not_converge": 1.0}
            continue
        found[name] = {
            "statistic_difference": mine["stat"] - best["stat"],
            **_gain(mine, best),
            "largest_shift_in_errors": max(
                abs(mine["values"][key] - value) / best["errors"][key] for key, value in best["values"].items()
            ),
            "largest_relative_difference_of_errors": max(
                abs(mine["errors"][key] / value - 1) for key, value in best["errors"].items()
            ),
        }
    for name in [key for key in theirs if key.startswith("points ")]:
        if theirs[name]["scaled"]:
            continue
        found[name] = _points_agreement(ours[name], theirs[name])
    return found


def _points_agreement(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, float]:
    """Return differences of limits and sensitivities, without fluxes that the reference lets fall below zero."""
    used = ~(np.array(theirs["dnde"], dtype=float) < 0)
    found = {}
    for key, words in (("dnde_ul", "limits"), ("dnde_sensitivity", "sensitivities")):
        if key in ours and key in theirs:
            mine, other = (np.array(side[key], dtype=float) for side in (ours, theirs))
            both = used & np.isfinite(mine) & np.isfinite(other)
            found[f"largest_relative_difference_of_{words}"] = float(np.max(np.abs(mine[both] / other[both] - 1)))
    return found


def _gain(mine: dict[str, Any], best: dict[str, Any]) -> dict[str, float]:
    """Return the difference of what the fits gained from the same start, where both say so."""
    if "stat_start" not in mine or "stat_start" not in best:
        return {}
    ours, theirs = (fit["stat_start"] - fit["stat"] for fit in (mine, best))
    return {"gain_difference": ours - theirs, "relative_gain_difference": ours / theirs - 1}


def _size(mebibytes: float | None) -> str:
    return "-" if mebibytes is None else f"{mebibytes:.0f} MiB"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def format_table(out: dict[str, Any]) -> str:
    """Return the rows and the agreement as text."""
    machine = out["machine"]
    width = max(28, *(len(row["phase"]) for row in out["phases"]))
    head = f"{'phase':<{width}} {'kind':<24} {'gjax':>10} {'Gammapy':>10} {'ratio':>8}"
    load = machine["loadavg"][0], machine.get("loadavg_end", machine["loadavg"])[0]
    lines = [
        f"== {out['case']} on {machine['cpu']}, {machine['cores']} cores, load {load[0]:.2f} to {load[1]:.2f}",
        head,
        "-" * len(head),
    ]
    for row in out["phases"]:
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.3g}"
        notes = []
        if row.get("gjax_first_minus_warm_s", 0) > 0.05:
            notes.append(f"first call {_time(row['gjax_first_minus_warm_s'])} longer")
        if row.get("gammapy_scaled"):
            notes.append("Gammapy measured in 3 bands and scaled to 19")
        numbers = f"{_time(row['gjax_s']):>10} {_time(row['gammapy_s']):>10} {ratio:>8}"
        lines.append(f"{row['phase']:<{width}} {row['kind']:<24} {numbers}  {'; '.join(notes)}".rstrip())
    for row in out.get("memory", ()):
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.3g}"
        sizes = f"{_size(row['gjax_mib']):>10} {_size(row['gammapy_mib']):>10} {ratio:>8}"
        lines.append(f"{row['phase']:<{width}} {row['kind']:<24} {sizes}")
    for name, values in out["agreement"].items():
        lines.append(f"agreement {name}: " + ", ".join(f"{key} {value:.2g}" for key, value in values.items()))
    if max(load) > machine["cores"]:
        lines.append("warning: the machine was busy; these times are too long")
    return "\n".join(lines)
