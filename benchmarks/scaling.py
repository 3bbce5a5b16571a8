"""How the time of a fit step grows with photons, pixels and datasets: ``python -m benchmarks.scaling [--plot FILE]``.

One step is what a fit does again and again: statistic, gradient and Fisher matrix by position, width, spectrum and
background. Simulated cubes of a Gaussian source, one to many. ``--plot docs/images/scaling.png`` makes the figure of
the documentation. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from astropy.coordinates import SkyCoord

import gjax
from benchmarks.speed.environment import machine as describe
from gjax.datasets import MapDataset
from gjax.irf import EDispKernelMap, PSFMap
from gjax.likelihood import scoring_terms
from gjax.maps import MapAxis, WcsGeom, WcsNDMap
from gjax.models import FoVBackgroundModel, GaussianSpatialModel, Models, PowerLawSpectralModel, SkyModel

CENTRE = SkyCoord(83.63, 22.01, unit="deg")
step = jax.jit(scoring_terms)


def cube(name: str, photons: int, width: float, seed: int = 0, n_energy: int = 8) -> MapDataset:
    """Return a cube of pixels of 0.02 deg with that many photons, a third of them from a source in the middle."""
    energy = MapAxis.from_energy_bounds("1 TeV", "30 TeV", nbin=n_energy)
    true = MapAxis.from_energy_bounds("0.5 TeV", "60 TeV", nbin=20, name="energy_true")
    geom = WcsGeom.create(skydir=CENTRE, width=width, binsz=0.02, proj="TAN", axes=[energy])
    geom_true = geom.to_image().to_cube([true])
    rng = np.random.default_rng(seed)
    _, ny, nx = geom.data_shape
    share = energy.edges.value[:-1] ** -1.5 - energy.edges.value[1:] ** -1.5
    share /= share.sum()
    background = np.broadcast_to((2 * photons / 3 * share / (nx * ny))[:, None, None], geom.data_shape).copy()
    n_source = photons // 3
    place = rng.normal(nx / 2, 0.12 / 0.02, (2, n_source))
    place = np.concatenate([place, rng.uniform(-0.5, nx - 0.5, (2, photons - n_source))], axis=1)
    bins = np.clip(np.rint(place).astype(int), 0, nx - 1)
    counts = np.zeros(geom.data_shape)
    np.add.at(counts, (rng.choice(n_energy, photons, p=share), bins[1], bins[0]), 1.0)
    return MapDataset(
        counts=WcsNDMap.from_geom(geom, data=counts),
        exposure=WcsNDMap.from_geom(geom_true, data=np.full(geom_true.data_shape, 1e10), unit="m2 s"),
        background=WcsNDMap.from_geom(geom, data=background),
        psf=PSFMap.from_gauss(true, sigma="0.06 deg"),
        edisp=EDispKernelMap.from_gauss(energy, true, sigma=0.1, bias=0.0),
        name=name,
    )


def likelihood_of(cubes: list[MapDataset]) -> gjax.Likelihood:
    """Return the likelihood of a source that may move and grow, and a norm and tilt of every background."""
    source = SkyModel(
        PowerLawSpectralModel(amplitude="1e-12 cm-2 s-1 TeV-1"),
        GaussianSpatialModel(CENTRE.ra, CENTRE.dec, sigma="0.1 deg"),
        name="source",
    )
    backgrounds = FoVBackgroundModel.for_datasets([one.name for one in cubes])
    return gjax.Likelihood(cubes, Models([source, backgrounds]).unfreeze("*.tilt"))


def milliseconds(likelihood: gjax.Likelihood, repeats: int) -> float:
    """Return the median time of a step."""
    arguments = likelihood.problem, likelihood.start
    jax.block_until_ready(step(*arguments))
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(step(*arguments))
        found.append(time.perf_counter() - begin)
    return 1e3 * float(np.median(found))


def measure(quick: bool) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the three figures."""
    repeats = 5 if quick else 25
    out: dict[str, list[dict[str, Any]]] = {"photons": [], "pixels": [], "datasets": []}
    for photons in (300, 3000) if quick else (100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000):
        likelihood = likelihood_of([cube("run", photons, width=3.0)])
        row = {"photons": photons, "pixels": 150 * 150, "ms": milliseconds(likelihood, repeats)}
        row["every_bin_ms"] = milliseconds(likelihood.every_bin(), repeats)
        out["photons"].append(row)
    for side in (50, 100) if quick else (50, 75, 100, 150, 200, 300, 400):
        likelihood = likelihood_of([cube("run", 3000, width=0.02 * side)])
        out["pixels"].append({"photons": 3000, "pixels": side**2, "ms": milliseconds(likelihood, repeats)})
    for number in (1, 4) if quick else (1, 2, 4, 8, 16, 32, 64):
        cubes = [cube(f"run-{i}", 1000, width=2.0, seed=i) for i in range(number)]
        likelihood = likelihood_of(cubes)
        free = len(likelihood.free_names)
        out["datasets"].append({"datasets": number, "parameters": free, "ms": milliseconds(likelihood, repeats)})
    return out


def plot(rows: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Draw the three figures side by side."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained", sharey=True)
    for ax, (key, points) in zip(axes, rows.items()):
        x = [point[key] for point in points]
        ax.loglog(x, [point["ms"] for point in points], "o-", label="bins with counts")
        if key == "photons":
            ax.loglog(x, [point["every_bin_ms"] for point in points], "s--", color="grey", label="every bin by itself")
            ax.legend(frameon=False)
        ax.set_xlabel({"photons": "photons in 150 × 150 pixels", "pixels": "pixels, 3000 photons"}.get(key, key))
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("one step of a fit [ms]")
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__.splitlines()[0])
    parser.add_argument("--plot", metavar="FILE", help="also draw the figure")
    parser.add_argument("--json", metavar="OUT", help="also write the rows to this file")
    parser.add_argument("--quick", action="store_true", help="few points, in seconds")
    options = parser.parse_args(arguments)
    gjax.enable_x64()
    rows = measure(options.quick)
    for key, points in rows.items():
        print(key)
        for point in points:
            print("  " + "  ".join(f"{name} {value:.4g}" for name, value in point.items()))
    if options.json:
        Path(options.json).write_text(json.dumps({"machine": describe(), "rows": rows}, indent=1))
    if options.plot:
        plot(rows, Path(options.plot))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
