"""Flux points of toys: a tenth of the Crab nebula seen by CTA (Prod5, south) for an hour, off regions ten times the on.

All toys are one batch. Errors and limits must cover the truth as often as they say; the covariance of points that are
unfolded together must be the scatter of the toys; TS maps of empty fields must follow half of a chi-square.
"""

from __future__ import annotations

from typing import Any

import astropy.units as u
import equinox as eqx
import jax
import numpy as np
from astropy.coordinates import SkyCoord
from jax import Array
from regions import CircleSkyRegion
from scipy.stats import norm as normal
from tqdm import tqdm

import gjax
from benchmarks.calibration.table import Table
from gjax.data import Observation
from gjax.datasets import MapDataset, SpectrumDataset, SpectrumDatasetOnOff
from gjax.estimators import RegularizedFluxPointsEstimator, TSMapEstimator
from gjax.estimators._lanes import Lanes, estimate
from gjax.estimators._unified import higher_ranks
from gjax.estimators.flux_points import make_lanes
from gjax.inference import covariance_at, minimise
from gjax.irf import EDispKernelMap, PSFMap, load_irf_dict_from_file
from gjax.likelihood import Problem, hessian
from gjax.makers import SpectrumDatasetMaker
from gjax.maps import MapAxis, RegionGeom, WcsGeom
from gjax.models import PointSpatialModel, PowerLawSpectralModel, SkyModel

IRFS = "$GAMMAPY_DATA/cta-caldb/Prod5-South-20deg-AverageAz-14MSTs37SSTs.180000s-v0.1.fits.gz"
ALPHA = 0.1
EDGES = np.geomspace(0.05, 50, 10)
#: The unfolding takes the bands that hold enough photons to be normally distributed.
UNFOLDED = np.geomspace(0.05, 5, 7)
CHUNK = 500
PARTS = ("coverage", "intervals", "covariance", "fields")
#: Photons of a band below which only Feldman-Cousins intervals cover what they say.
FEWEST = 15


def expected_run() -> SpectrumDatasetOnOff:
    """Return the spectrum without counts: exposure, energy dispersion, and the mean background as off counts."""
    irfs = load_irf_dict_from_file(IRFS)
    energy = MapAxis.from_energy_edges(np.geomspace(0.05, 50, 28) * u.TeV)
    true = MapAxis.from_energy_bounds("0.02 TeV", "120 TeV", nbin=60, name="energy_true")
    pointing = SkyCoord(83.63, 22.01, unit="deg")
    region = CircleSkyRegion(pointing.directional_offset_by(0 * u.deg, 0.5 * u.deg), 0.11 * u.deg)
    observation = Observation.create(pointing=pointing, livetime="1 h", irfs=irfs)
    empty = SpectrumDataset.create(RegionGeom.create(region, axes=[energy]), energy_axis_true=true, name="cta")
    dataset = SpectrumDatasetMaker(selection=["exposure", "edisp", "background"]).run(empty, observation)
    return SpectrumDatasetOnOff.from_spectrum_dataset(dataset, acceptance=1, acceptance_off=1 / ALPHA)


def draw(rng: np.random.Generator, signal: np.ndarray, off: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return on and off counts of toys, shape (toys, energy)."""
    shape = (size, len(signal))
    return rng.poisson(signal + ALPHA * off, shape).astype(float), rng.poisson(off, shape).astype(float)


def _padded(values: np.ndarray, size: int) -> np.ndarray:
    return np.pad(values, ((0, 0), (0, size - values.shape[1])))[:, np.newaxis]


@jax.jit
def estimate_toys(lanes: Lanes, on: Array, off: Array, scan: Array, n_sigma: Array, n_ul: Array) -> dict[str, Any]:
    """Return norms, errors and limits of all toys and bands, shape (toys, bands)."""
    bands = lanes.lowest < np.inf

    def toy(counts: tuple[Array, Array]) -> dict[str, Any]:
        buckets = (eqx.tree_at(lambda b: (b.counts, b.counts_off), lanes.buckets[0], counts),)
        return estimate(eqx.tree_at(lambda tree: tree.buckets, lanes, buckets), bands, scan, n_sigma, n_ul)

    return jax.lax.map(toy, (on, off), batch_size=CHUNK)


@jax.jit
def fit_toys(problem: Problem, x0: Array, on: Array, off: Array) -> tuple[Array, Array]:
    """Return the free vector and its covariance for all toys."""

    def toy(counts: tuple[Array, Array]) -> tuple[Array, Array]:
        here = eqx.tree_at(lambda p: (p.buckets[0].counts, p.buckets[0].counts_off), problem, counts)
        best = minimise(here, x0, x0 != x0)
        return best.x, covariance_at(hessian(here, best.x), best.fisher, here)[0]

    return jax.lax.map(toy, (on, off), batch_size=CHUNK)


def coverage(table: Table, lanes: Lanes, on: np.ndarray, off: np.ndarray, expected: np.ndarray) -> None:
    """Compare how often errors and limits hold the truth, which is a norm of 1."""
    size = lanes.buckets[0].mask.shape[1]
    arrays = jax.device_put((_padded(on, size), _padded(off, size), np.ones(1), np.asarray(1.0), np.asarray(2.0)))
    values = {key: np.asarray(value) for key, value in estimate_toys(lanes, *arrays).items()}
    total = len(on)
    probability = {"errors": 2 * normal.cdf(1) - 1, "limits": normal.cdf(2)}
    for k, counts in enumerate(expected):
        if counts < FEWEST:
            continue
        norm, errn, errp, ul = (values[name][:, k] for name in ("norm", "norm_errn", "norm_errp", "norm_ul"))
        where = f"{EDGES[k]:.2g} to {EDGES[k + 1]:.2g} TeV, {counts:.0f} photons"
        # whole counts: an interval holds the truth or not for one count more, a normal density per count
        slack = 0.25 * normal.pdf(1) / np.sqrt(counts)
        inside = int(np.sum((norm - errn <= 1) & (norm + errp >= 1)))
        table.fraction(f"{where}: asymmetric errors", inside, total, probability["errors"], slack=slack)
        symmetric = int(np.sum(np.abs(norm - 1) <= values["norm_err"][:, k]))
        table.fraction(f"{where}: symmetric errors", symmetric, total, probability["errors"], slack=slack)
        slack = 0.25 * normal.pdf(2) / np.sqrt(counts) + 0.05 / counts
        table.fraction(f"{where}: upper limits", int(np.sum(ul >= 1)), total, probability["limits"], slack=slack)
        if counts > 30:
            pull = (norm - 1) / values["norm_err"][:, k]
            table.value(f"{where}: width of pulls", pull.std(), 1.0, 1 / np.sqrt(2 * total) + 0.3 / counts)


def unified(table: Table, lanes: Lanes, on: np.ndarray, off: np.ndarray, bands: int) -> None:
    """Compare how often Feldman-Cousins intervals of 90 % hold the truth."""
    size = lanes.buckets[0].mask.shape[1]
    rng = np.random.default_rng(7)
    norms, step = np.ones(bands), jax.device_put(np.full(bands, 0.3))
    inside = np.zeros(bands, dtype=int)
    for n_on, n_off in tqdm(list(zip(_padded(on, size), _padded(off, size))), desc="intervals", disable=None):
        counts = jax.device_put((n_on, n_off))
        buckets = (eqx.tree_at(lambda b: (b.counts, b.counts_off), lanes.buckets[0], counts),)
        here = eqx.tree_at(lambda tree: tree.buckets, lanes, buckets)
        inside += higher_ranks(rng, here, norms, step, 500) < 0.9
    table.at_least("Feldman-Cousins intervals of 90 %, all bands", int(inside.sum()), len(on) * bands, 0.9)
    for k in range(bands):
        table.at_least(f"Feldman-Cousins, {EDGES[k]:.2g} to {EDGES[k + 1]:.2g} TeV", int(inside[k]), len(on), 0.9)


def covariance(table: Table, likelihood: gjax.Likelihood, on: np.ndarray, off: np.ndarray) -> None:
    """Compare the covariance of points that are unfolded together with the scatter of toys."""
    estimator = RegularizedFluxPointsEstimator(UNFOLDED, "crab")
    used, where = estimator.with_norms(likelihood, "crab")
    size = used.problem.buckets[0].mask.shape[1]
    arrays = jax.device_put((_padded(on, size), _padded(off, size)))
    x, spread = (np.asarray(a) for a in fit_toys(used.problem, used.start, *arrays))
    norms, mean = x[:, where], spread[:, where][:, :, where].mean(axis=0)
    found, total = np.cov(norms.T), len(on)
    width = np.sqrt(np.diag(mean))
    for k in range(len(where)):
        text = f"unfolded, {UNFOLDED[k]:.2g} to {UNFOLDED[k + 1]:.2g} TeV"
        table.value(f"{text}: scatter over error", np.sqrt(found[k, k]) / width[k], 1.0, 1 / np.sqrt(2 * total) + 0.004)
        # errors that grow with the norm make the mean of the covariance and that at the truth differ
        table.value(f"{text}: mean norm", norms[:, k].mean(), 1.0, width[k] * (total**-0.5 + 0.05))
    correlation, expected = np.corrcoef(norms.T), mean / np.outer(width, width)
    for i, j in zip(*np.triu_indices(len(where), 1)):
        if j - i > 2:
            continue
        error = (1 - expected[i, j] ** 2) / np.sqrt(total) + 0.01
        table.value(f"unfolded: correlation of bands {i} and {j}", correlation[i, j], float(expected[i, j]), error)


def empty_fields(table: Table, rng: np.random.Generator, number: int) -> None:
    """Compare the significances of TS maps of fields without a source with half of a chi-square."""
    energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    true = MapAxis.from_energy_bounds("0.7 TeV", "15 TeV", nbin=4, name="energy_true")
    geom = WcsGeom.create(skydir=(83.63, 22.01), binsz=0.05, width=3, proj="TAN", axes=[energy])
    cube = MapDataset.create(geom, energy_axis_true=true, name="field")
    image = cube.psf.psf_map.geom.to_image()
    level = np.ones(cube.data_shape) * np.array([4.0, 1.0]).reshape(2, 1, 1)
    cube = cube.copy(
        exposure=cube.exposure + 1e9,
        background=cube.counts.copy(data=level),
        psf=PSFMap.from_gauss(true, sigma="0.08 deg", geom=image),
        edisp=EDispKernelMap.from_gauss(energy, true, sigma=0.1, bias=0.0, geom=image),
        mask_safe=np.ones(cube.data_shape, dtype=bool),
    )
    model = SkyModel(PowerLawSpectralModel(index=2.3), PointSpatialModel(), name="test")
    levels = (1.0, 2.0, 3.0)
    found = []
    for _ in tqdm(range(number), desc="fields", disable=None):
        maps = TSMapEstimator(model, kernel_width=0.5).run(cube.copy(counts=cube.counts.copy(data=rng.poisson(level))))
        found.append([np.mean(maps.sqrt_ts.data > level) for level in levels])
    parts = np.array(found)
    for level_of, part in zip(levels, parts.T):
        expected = float(normal.sf(level_of))
        error = part.std() / np.sqrt(number) + 0.03 * expected
        table.value(f"empty fields: part of pixels above {level_of:g} sigma", part.mean(), expected, error)


def run(table: Table, *, quick: bool = False, parts: tuple[str, ...] = PARTS) -> None:
    """Run the case, or some parts of it."""
    rng = np.random.default_rng(2026)
    dataset = expected_run()
    spectrum = PowerLawSpectralModel(index=2.63, amplitude="3.45e-12 cm-2 s-1 TeV-1")
    likelihood = gjax.Likelihood(dataset.copy(counts=dataset.counts_off * ALPHA), SkyModel(spectrum, name="crab"))
    signal = np.ravel(likelihood.npred_signal()["cta"].data)
    off = np.ravel(np.asarray(dataset.counts_off.data, dtype=float))
    on, counts_off = draw(rng, signal, off, 1000 if quick else 10_000)
    lanes = make_lanes(likelihood, "crab", EDGES[:-1], EDGES[1:])
    bins = np.asarray(lanes.lane[0])[0, : len(signal)]
    expected = np.bincount(bins, weights=signal, minlength=len(EDGES))[: len(EDGES) - 1]
    if "coverage" in parts:
        coverage(table, lanes, on, counts_off, expected)
    if "intervals" in parts:
        few = 60 if quick else 2000
        unified(table, lanes, on[:few], counts_off[:few], len(EDGES) - 1)
    if "covariance" in parts:
        covariance(table, likelihood, on, counts_off)
    if "fields" in parts:
        empty_fields(table, rng, 8 if quick else 60)
