"""Run a whole analysis and leave everything it found in one folder."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gjax.analysis.config import AnalysisConfig
from gjax.analysis.cube_stages import CUBE_STAGES
from gjax.analysis.report_page import write_report
from gjax.analysis.result import AnalysisResult
from gjax.analysis.stages import STAGES, read_models, write_config
from gjax.errors import ConfigError
from gjax.fits import expand_path

__all__ = ["run"]

TABLES = ("counts", "parameters", "covariance", "flux_points", "posterior", "samples")
PLOTS = (
    "counts_map", "counts_spectrum", "excess", "sed", "corner", "sky_maps", "slices", "sources", "residuals"
)  # fmt: skip


def run(config: AnalysisConfig, out: str | Path, *, truth: Any = None, progress: bool = True) -> AnalysisResult:
    """Read, reduce, fit, and sample; write datasets, tables, plots, model and report.

    Every step writes its result at once: if a later one fails, what was done is kept, and the report says what is
    missing and why.

    Parameters
    ----------
    config
        Configuration.
    out
        Folder for the results; files of an earlier run in it are replaced.
    truth
        `gjax.models.Models` with the true values of a simulation, to compare with.
    progress
        Show progress on stderr.

    Returns
    -------
    result
        All results, and the paths of the files.

    Raises
    ------
    ConfigError
        If the configuration asks for something impossible.
    MissingDataError, DataFormatError, UnitError
        If data are missing or broken.
    FitError
        If the fit cannot start.
    """
    models = read_models(config)
    result = AnalysisResult(config=config, out=expand_path(out))
    try:
        result.out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ConfigError(f"{result.out}: cannot make this folder for the results ({error.strerror})") from error
    if truth is not None:
        table = truth.parameter_table
        result.truth = dict(zip(table.names, (float(value) for value in table.values)))
        result.truth_models = truth
    _remove_older(result.out)
    result.files["config"] = write_config(result)
    try:
        _run_stages(result, models, progress)
    except BaseException as error:
        name = type(error).__name__ if not str(error) else str(error)
        result.statements.append((False, f"the analysis stopped: {name}"))
        write_report(result)
        raise
    started = time.perf_counter()
    write_report(result)
    result.timings["report"] = time.perf_counter() - started
    return result


def _remove_older(out: Path) -> None:
    """Remove results of an earlier run, so that none of them is taken for one of this run."""
    for name in TABLES:
        (out / f"{name}.ecsv").unlink(missing_ok=True)
    for name in PLOTS:
        (out / f"{name}.png").unlink(missing_ok=True)
    for path in (out / "maps").glob("source_*.fits"):
        path.unlink()
    for name in ("model.yaml", "report.html"):
        (out / name).unlink(missing_ok=True)


def _run_stages(result: AnalysisResult, models: Any, progress: bool) -> None:
    stages = CUBE_STAGES if result.config.is_3d else STAGES
    todo = [(name, step) for name, step, skip in stages if skip is None or not skip(result)]
    with tqdm(total=len(todo), desc="Analysis", unit="step", disable=None if progress else True, leave=False) as bar:
        for name, step in todo:
            bar.set_description(name.capitalize())
            started = time.perf_counter()
            outcome = step(result, models, progress)
            result.timings[name] = time.perf_counter() - started
            if progress:
                tqdm.write(f"  {name:<14} {result.timings[name]:6.2f} s   {outcome}", file=sys.stderr)
            bar.update()
