"""What the commands do. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path
from typing import Any

__all__ = ["check", "config", "demo", "fit", "info"]

PACKAGES = (
    "gjax", "jax", "jaxlib", "equinox", "numpyro", "optax", "numpy", "scipy", "astropy", "regions", "matplotlib"
)  # fmt: skip


def _print_json(content: Any) -> None:
    json.dump(content, sys.stdout, indent=2, allow_nan=False, default=str)
    sys.stdout.write("\n")


def _prepare_jax() -> None:
    """Double precision, and compiled programs kept where the user says so."""
    import os

    import gjax

    gjax.enable_x64()
    if os.environ.get("GJAX_CACHE_DIR"):
        gjax.enable_compilation_cache(os.environ["GJAX_CACHE_DIR"])


def config(arguments: argparse.Namespace) -> int:
    """Write the default configuration to a file or to stdout."""
    from gjax.analysis.config_io import default_text

    text = default_text("3d" if arguments.cube else "1d")
    if arguments.path is None:
        sys.stdout.write(text)
        return 0
    from gjax.fits import expand_path

    path = expand_path(arguments.path)
    if path.exists() and not arguments.force:
        raise FileExistsError(f"{path} exists; --force replaces it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(f"{path} written; edit it, then: gjax fit {path}", file=sys.stderr)
    return 0


def info(arguments: argparse.Namespace) -> int:
    """Print versions, without importing the packages."""
    import os
    from importlib.metadata import PackageNotFoundError, version

    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    system = {"system": platform.platform(), "cores": os.cpu_count(), "GAMMAPY_DATA": os.environ.get("GAMMAPY_DATA")}
    if arguments.json:
        _print_json({"versions": versions, **system})
        return 0
    rows = {**versions, **{name: "not set" if value is None else value for name, value in system.items()}}
    for name, value in rows.items():
        print(f"{name:<14}{value}")
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Check a data store; exit code 1 if there are errors."""
    from collections import Counter

    from gjax.cli.check_summary import problem_lines
    from gjax.data import DataStore

    store = DataStore.from_dir(arguments.datastore)
    records = [dict(record) for record in store.check()]
    levels = Counter(str(record.get("level", "error")).lower() for record in records)
    if arguments.json:
        _print_json({"datastore": str(arguments.datastore), "observations": len(store.obs_table), "records": records})
    else:
        concerned = {record["obs_id"] for record in records if record.get("obs_id") not in (None, "")}
        summary = ", ".join(f"{count} {level}{'s' if count != 1 else ''}" for level, count in sorted(levels.items()))
        where = f" in {len(concerned)} of them" if concerned else ""
        print(f"{len(store.obs_table)} observations: {summary + where if summary else 'all is well'}")
        for line in problem_lines(records):
            print(line)
    return 1 if levels["error"] or levels["critical"] else 0


def fit(arguments: argparse.Namespace) -> int:
    """Run the analysis of a configuration file."""
    from gjax.analysis.config import AnalysisConfig
    from gjax.errors import ConfigError, MissingDataError
    from gjax.fits import expand_path

    try:
        settings = AnalysisConfig.read(arguments.config)
    except MissingDataError as error:
        raise ConfigError(str(error)) from error
    out = expand_path(arguments.out) if arguments.out else Path(arguments.config).with_suffix("")
    if out.exists() and not out.is_dir():
        out = out.with_name(out.name + "-results")
    return _finish(settings, out, arguments)


def demo(arguments: argparse.Namespace) -> int:
    """Simulate observations and analyse them."""
    from gjax.analysis.demo import prepare_demo
    from gjax.fits import expand_path

    out = expand_path(arguments.out)
    _prepare_jax()
    print(f"simulating four runs of a Crab-like source in {out / 'data'}", file=sys.stderr)
    settings, truth = prepare_demo(out, seed=arguments.seed, type="3d" if arguments.cube else "1d")
    return _finish(settings, out, arguments, truth=truth)


def _finish(settings: Any, out: Path, arguments: argparse.Namespace, truth: Any = None) -> int:
    import dataclasses

    from gjax.analysis.runner import run

    _prepare_jax()
    if arguments.no_sampling:
        settings = settings.replace(sampling=dataclasses.replace(settings.sampling, enabled=False))
    result = run(settings, out, truth=truth)
    if arguments.json:
        _print_json(result.to_dict())
    else:
        print(result.text())
    return 0 if result.trustworthy else 1
