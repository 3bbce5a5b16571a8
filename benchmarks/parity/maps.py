"""Excess, TS, smoothed and flux maps, and profiles, of the H.E.S.S. Crab cube with Gammapy 2.1 at work.

Gammapy runs in an environment of its own: the interpreter that the variable GAMMAPY_PYTHON names, or one that is made
once. Both packages read one cube; maps are compared in every pixel.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from astropy.coordinates import SkyCoord

import gjax
from benchmarks.parity.cube_inputs import read_runs, reduce_runs, stack
from benchmarks.parity.inputs import InputError, Inputs
from benchmarks.parity.report import Report
from benchmarks.speed.cube_cases import RECIPES
from benchmarks.speed.environment import gammapy_python
from gjax.datasets import MapDataset, MapDatasetOnOff
from gjax.estimators import (
    ASmoothMapEstimator,
    ExcessMapEstimator,
    FluxMaps,
    FluxProfileEstimator,
    TSMapEstimator,
    make_concentric_annulus_sky_regions,
)
from gjax.models import Models, PointSpatialModel, PowerLawSpectralModel, SkyModel

EDGES, ALL = (0.5, 2, 50), (0.5, 50)
KERNEL = (
    "the reference puts the whole source into its window of 0.6 deg, which holds 92 to 96 % of it, energy by energy; "
    "gjax keeps the fraction, so that the flux is that of a full fit"
)
SUMMED = "the reference averages the kernels of all energies with one weight, not with the counts that they stand for"
NORMS = ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul", "norm_sensitivity")


def kernel_model() -> SkyModel:
    """Return the test source."""
    spectrum = PowerLawSpectralModel(index=2.6, amplitude="3e-11 cm-2 s-1 TeV-1")
    return SkyModel(spectrum, PointSpatialModel(), name="k")


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` leaves out the TS map of the whole cube, which takes the reference minutes."""
    try:
        python = gammapy_python()
    except RuntimeError as error:
        raise InputError(str(error)) from error
    recipe = RECIPES["crab_3d"]
    cube = stack(recipe, reduce_runs(recipe, read_runs(recipe, inputs.data))[1])
    off = np.random.default_rng(0).poisson(5 * cube.background.data).astype(float)
    counts_off = cube.counts.copy(data=off)
    # the reference takes minutes for the errors of off counts on all of the map
    on_off = part(MapDatasetOnOff.from_map_dataset(cube, 1.0, 5.0, counts_off=counts_off, name="on-off"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cube.write(folder / "cube.fits")
        on_off.write(folder / "on-off.fits")
        excess = excess_maps(cube)
        excess.write(folder / "gjax-maps.fits")
        script = Path(__file__).with_name("gammapy_maps.py")
        command = [python, str(script), str(folder), *(["--quick"] if quick else [])]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""})
        if done.returncode:
            raise RuntimeError(f"Gammapy failed: {done.stderr[-2000:]}")
        compare_excess(report, "excess", excess, np.load(folder / "excess.npz"))
        compare_excess(report, "excess, off counts", excess_maps(on_off), np.load(folder / "excess-on-off.npz"))
        compare_files(report, excess, folder)
        compare_ts(report, cube, folder, quick=quick)
        compare_profile(report, part(cube), np.load(folder / "profile.npz"))
        compare_smooth(report, part(cube), np.load(folder / "smooth.npz"))


def part(cube: Any) -> Any:
    """Return the inner 1.4 deg."""
    return cube.cutout(cube.counts.geom.center_skydir, "1.4 deg", name=cube.name)


def excess_maps(cube: Any) -> FluxMaps:
    """Return excess maps with all options."""
    chosen = ["errn-errp", "ul", "sensitivity"]
    return ExcessMapEstimator(0.1, energy_edges=EDGES, selection_optional=chosen).run(cube)


def compare_map(
    report: Report, name: str, ours: np.ndarray, theirs: np.ndarray, allowed: float, note: str = ""
) -> None:
    """Compare a map in every pixel in units of its largest value."""
    scale = float(np.nanmax(np.abs(theirs)))
    ours, theirs = ours / scale, theirs / scale
    where = int(np.nanargmax(np.abs(ours - theirs)))
    report.exact(f"{name}: pixels", np.isfinite(ours).sum(), np.isfinite(theirs).sum())
    report.absolute(f"{name}, of its maximum", ours.flat[where], theirs.flat[where], allowed, note)


def compare_excess(report: Report, key: str, maps: FluxMaps, theirs: Any) -> None:
    """Compare excess maps."""
    for name in ("counts", "npred_excess", *NORMS):
        compare_map(report, f"{key}: {name}", maps[name].data, theirs[name], 1e-4)
    significance = maps.sqrt_ts.data
    worst = int(np.nanargmax(np.abs(significance - theirs["sqrt_ts"])))
    report.absolute(f"{key}: sqrt_ts everywhere", significance.flat[worst], theirs["sqrt_ts"].flat[worst], 1e-4)


def compare_files(report: Report, maps: FluxMaps, folder: Path) -> None:
    """Compare files of flux maps written by one package and read by the other."""
    read = np.load(folder / "read.npz")
    for name in ("norm", "flux", "sqrt_ts"):
        compare_map(report, f"file read by the reference: {name}", maps[name].data, read[name], 1e-12)
    again = FluxMaps.read(folder / "gammapy-maps.fits")
    for name in ("norm", "flux", "norm_ul", "ts"):
        compare_map(report, f"file of the reference: {name}", again[name].data, maps[name].data, 2e-6)


def compare_ts(report: Report, cube: MapDataset, folder: Path, *, quick: bool) -> None:
    """Compare TS maps, with the kernel of the reference and with that of gjax."""
    options = {"kernel_width": 0.6, "energy_edges": ALL}
    small = part(cube)
    cases: list[tuple[str, MapDataset, dict[str, Any]]] = [
        ("ts-all", small, {"selection_optional": ["errn-errp", "ul", "sensitivity"]}),
        ("ts-summed", small, {"sum_over_energy_groups": True}),
    ]
    for name, data, more in cases if quick else [*cases, ("ts", cube, {})]:
        theirs = np.load(folder / f"{name}.npz")
        estimator = TSMapEstimator(kernel_model(), **options, **more)
        kernel = theirs["kernel"]
        if name == "ts-summed":
            used = np.asarray(data.mask_safe.data).any(axis=(1, 2))
            kernel = np.broadcast_to(kernel[used].mean(axis=0), kernel.shape)
        with mock.patch("gjax.estimators.ts_map.source_kernel", lambda *_, kernel=kernel: kernel):
            same = estimator.run(data)
        ours = estimator.run(data)
        key, reason = name, SUMMED if name == "ts-summed" else KERNEL
        for label, maps, because in (("kernel of the reference", same, ""), ("own kernel", ours, reason)):
            limits = (0.01, 0.05) if not because else (0.25, 3.0)
            for quantity in ("npred_excess", "norm", "norm_err", "norm_errp", "norm_ul"):
                if quantity in theirs.files and quantity in maps.available_quantities:
                    row = f"{key}, {label}: {quantity}"
                    compare_map(report, row, maps[quantity].data, theirs[quantity], 0.01)
                    if because:
                        report.explain(because, limits[0])
            found, expected = maps.sqrt_ts.data, theirs["significance"]
            worst = int(np.nanargmax(np.abs(found - expected)))
            report.absolute(f"{key}, {label}: sqrt_ts everywhere", found.flat[worst], expected.flat[worst], 0.05)
            if because:
                report.explain(because, limits[1])
        if "norm_sensitivity" in theirs.files:
            ratio = same["norm_sensitivity"].data / theirs["norm_sensitivity"]
            good = theirs["norm_sensitivity"] > 0
            note = f"the reference finds none, or a negative one, in {int((~good).sum())} of {good.size} pixels"
            report.relative(f"{key}: sensitivity", np.percentile(ratio[good], [5, 95]), [1, 1], 0.02, note)
    compare_fit(report, small)


def compare_fit(report: Report, cube: MapDataset) -> None:
    """Compare the map at the peak with a fit of the norm there."""
    maps = TSMapEstimator(kernel_model(), kernel_width=1.2).run(cube)
    y, x = np.unravel_index(int(np.nanargmax(maps.ts.data[0])), maps.ts.data[0].shape)
    lon, lat = cube.counts.geom.to_image().pix_to_coord((np.array(x), np.array(y)))
    here = SkyCoord(lon, lat, frame=cube.counts.geom.frame)
    source = SkyModel(kernel_model().spectral_model, PointSpatialModel.from_position(here), name="k")
    models = Models([source]).freeze("*").unfreeze("k.spectral.amplitude")
    result = gjax.Likelihood(cube, models).fit()
    norm = float(result.models["k"].spectral_model.amplitude.value) / 3e-11
    report.relative("norm at the peak against a full fit there", maps.norm.data[0, y, x], norm, 2e-3)


def compare_profile(report: Report, cube: MapDataset, theirs: Any) -> None:
    """Compare fluxes in rings."""
    rings = make_concentric_annulus_sky_regions(cube.counts.geom.center_skydir, "0.61 deg", "0.01 deg", nbin=6)
    profile = FluxProfileEstimator(rings, EDGES, kernel_model().spectral_model).run(cube)
    for name in theirs.files:
        ours = np.array([points.norms.get(name, points.extra.get(name)) for points in profile.points])
        unit = float(np.abs(theirs[name]).max())
        allowed = 0.0 if name == "counts" else 2e-3
        report.absolute(f"profile: {name}, of its maximum", ours / unit, theirs[name] / unit, allowed)


def compare_smooth(report: Report, cube: MapDataset, theirs: Any) -> None:
    """Compare adaptively smoothed maps: pixels at the threshold may take another scale."""
    maps = ASmoothMapEstimator(scales=[0.04, 0.06, 0.1, 0.15], threshold=4, energy_edges=ALL).run(cube)
    for name in ("counts", "background", "flux", "sqrt_ts"):
        ours, unit = maps[name].data, float(np.nanmax(np.abs(theirs[name])))
        far = np.abs(ours - theirs[name]) > 0.01 * unit
        report.at_most(f"smoothed {name}: part of the pixels that is 1 % off", float(np.mean(far)), 0.03)
