"""The page that shows an analysis: what was found, whether to trust it, and how it was made."""

from __future__ import annotations

import html
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gjax.analysis.report import Report, image_html, statement, table_html
from gjax.analysis.result import AnalysisResult, rounded

__all__ = ["versions", "write_report"]

PACKAGES = ("gjax", "jax", "equinox", "numpyro", "numpy", "scipy", "astropy", "regions", "matplotlib")
NAMES = {
    "name": "parameter",
    "posterior_mean": "posterior mean",
    "posterior_std": "posterior std",
    "ess_bulk": "ESS bulk",
    "ess_tail": "ESS tail",
    "r_hat": "R-hat",
}


def versions() -> dict[str, str]:
    """Return versions of what an analysis runs on.

    Examples
    --------
    >>> "numpy" in versions()
    True
    """
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            import gjax

            found[name] = getattr(gjax, "__version__", "?") if name == "gjax" else "not installed"
    return found


def write_report(result: AnalysisResult) -> Path:
    """Write ``report.html`` from what there is, and note it in the result."""
    from gjax.fits import expand_path

    config = result.config
    ids = ", ".join(str(i) for i in config.data.obs_ids) or "all observations"
    stamp = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    report = Report(config.general.title, f"{expand_path(config.data.datastore)}: {ids} · {stamp}")
    _summary(report, result)
    _data(report, result)
    _maps(report, result)
    _spectrum(report, result)
    _posterior(report, result)
    _provenance(report, result)
    result.files["report"] = report.write(result.out / "report.html")
    return result.files["report"]


def _figure(result: AnalysisResult, name: str, caption: str) -> str:
    return image_html(result.files[name], caption) if name in result.files else ""


def _summary(report: Report, result: AnalysisResult) -> None:
    parts = [statement(good, text) for good, text in result.statements]
    if result.fit is not None:
        parts.append(table_html(_with_digits(result.comparison()), names=NAMES))
        if result.truth is not None:
            parts.append("<p>The pull is (fit − true) / error; two of three should lie between −1 and 1.</p>")
    report.add("Result", *parts)


def _with_digits(table: Any) -> Any:
    """Return a table with values as text that shows what the errors leave."""
    shown = table.copy()
    for name, error in (("value", "error"), ("posterior_mean", "posterior_std"), ("true", "error")):
        if name in table.colnames:
            shown[name] = ["–" if v != v else rounded(v, e) for v, e in zip(table[name], table[error])]
    return shown


def _data(report: Report, result: AnalysisResult) -> None:
    if result.datasets is None:
        return
    if result.config.is_3d:
        parts = [table_html(_runs_table(result.runs))]
        figures = _figure(result, "counts_map", "Counts in the safe bins, with excluded regions and sources.")
        figures += _figure(
            result, "counts_spectrum", "Counts of all pixels that are used, with the parts of the prediction."
        )
    else:
        parts = [table_html(_counts_table(result.datasets))]
        figures = _figure(
            result, "counts_map", "All events on the sky, with the region of the source and the off regions."
        )
        figures += _figure(
            result, "counts_spectrum", "Counts in the on region; shaded energies are not used in the fit."
        )
    parts.append(f"<div class='pair'>{figures}</div>")
    report.add("Data", *parts)


def _counts_table(datasets: Any) -> Any:
    """What an astronomer wants to know of every run."""
    import numpy as np
    from astropy.table import Table

    info = datasets.info_table(cumulative=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = np.asarray(info["background"], dtype=float) / np.asarray(info["counts_off"], dtype=float)
    bounds = []
    for dataset in datasets:
        if dataset.mask is not None and not np.any(dataset.mask.data):
            bounds.append("none")
            continue
        low, high = (energy.to_value("TeV") for energy in dataset.energy_range)
        bounds.append(f"{low:.3g} – {high:.3g}")
    return Table(
        {
            "dataset": info["name"],
            "live time": info["livetime"].to("h"),
            "energies [TeV]": bounds,
            "on": info["counts"],
            "off": info["counts_off"],
            "off scaled by": alpha,
            "background": info["background"],
            "excess": info["excess"],
            "significance": info["sqrt_ts"],
        }
    )


def _runs_table(runs: Any) -> Any:
    """Observations of a 3D analysis, summed over the safe bins."""
    from astropy.table import Table

    columns = {
        "observation": runs["name"],
        "live time": runs["livetime"].to("h"),
        "counts": runs["counts"],
        "background": runs["background"],
        "excess": runs["excess"],
    }
    for name, heading in (("bkg_norm", "norm"), ("bkg_norm_err", "error of norm"), ("bkg_tilt", "tilt")):
        if name in runs.colnames:
            columns[heading] = runs[name]
    return Table(columns)


def _maps(report: Report, result: AnalysisResult) -> None:
    captions = {
        "sky_maps": "Images summed over energy, smoothed by 0.05 deg; significances in discs of 0.1 deg. Above: "
        "counts, excess above the fitted background, and its significance. Below: prediction and residuals.",
        "slices": "The same in slices of energy: counts, prediction, significance of the residuals.",
        "residuals": "Significances of the residuals of all pixels, with a Gaussian fit; a perfect model has mean 0 "
        "and width 1 where there are many counts.",
        "sources": "Predicted counts of every source and of the background.",
    }
    figures = {name: caption for name, caption in captions.items() if name in result.files}
    if figures:
        report.add(
            "Maps", *(image_html(result.files[n], c, wide=n in ("sky_maps", "slices")) for n, c in figures.items())
        )


def _points_table(points: Any) -> Any:
    """Flux points as E² dN/dE, in the units of the plot."""
    from astropy.table import Table

    table = points.to_table("e2dnde")
    unit = "TeV cm-2 s-1"
    headings = {
        "e_ref": "energy",
        "e_min": "from",
        "e_max": "to",
        "e2dnde": "E² dN/dE",
        "e2dnde_err": "error",
        "e2dnde_errn": "error down",
        "e2dnde_errp": "error up",
        "e2dnde_ul": "upper limit",
        "sqrt_ts": "significance",
        "is_ul": "limit only",
    }
    columns: dict[str, Any] = {}
    for name, heading in headings.items():
        if name in table.colnames:
            column = table[name]
            wanted = unit if "dnde" in name else "TeV" if name.startswith("e_") else None
            columns[heading] = column if wanted is None else column.to(wanted)
    return Table(columns)


def _spectrum(report: Report, result: AnalysisResult) -> None:
    if result.fit is None:
        return
    figures = _figure(
        result, "excess", "Excess with the fit and its 1 sigma band; residuals are signed roots of the deviance."
    )
    figures += _figure(result, "sed", "Spectral energy distribution with 1 sigma band; arrows are upper limits (95 %).")
    parts = [
        f"<div class='pair'>{figures}</div>",
        "<h3>Parameters</h3>",
        table_html(result.fit.to_table(), names=NAMES),
    ]
    if result.flux_points is not None:
        parts += ["<h3>Flux points</h3>", table_html(_points_table(result.flux_points))]
    report.add("Spectrum", *parts)


def _posterior(report: Report, result: AnalysisResult) -> None:
    if result.posterior is None:
        return
    note = (
        "<p>R-hat compares the chains and should be at most 1.01; ESS is the effective sample size, at least 400.</p>"
    )
    caption = "Posterior: contours hold 39 % and 86 % of the draws."
    parts = [table_html(result.posterior.summary(), names=NAMES), note, _figure(result, "corner", caption)]
    report.add("Posterior", *parts)


def _provenance(report: Report, result: AnalysisResult) -> None:
    from astropy.table import Table

    used = versions()
    parts = [table_html(Table({"package": list(used), "version": list(used.values())}))]
    if result.timings:
        seconds = [round(value, 2) for value in result.timings.values()]
        parts.append(table_html(Table({"step": list(result.timings), "seconds": seconds})))
    if result.likelihood is not None:
        parts.append(f"<h3>Likelihood</h3><pre>{html.escape(result.likelihood.describe())}</pre>")
    text = html.escape(Path(result.files["config"]).read_text(encoding="utf-8"))
    parts.append(f"<details open><summary>Configuration</summary><pre>{text}</pre></details>")
    rows = {kind: path for kind, path in result.files.items() if kind != "report"}
    links = "".join(
        f"<li><a href='{html.escape(str(path.relative_to(result.out)))}'>{html.escape(kind.replace('_', ' '))}</a></li>"
        for kind, path in rows.items()
    )
    report.add("How it was made", *parts, f"<h3>Files</h3><ul>{links}</ul>")
