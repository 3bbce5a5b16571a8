"""Two MAGIC runs on the Crab nebula with point-like responses and energy-dependent on regions, beside Gammapy 2.1."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from regions import PointSkyRegion

import gjax
from benchmarks.parity.inputs import Inputs, models_of, polished
from benchmarks.parity.report import Report
from benchmarks.parity.spectra import compare_reduced, compare_start, flat
from gjax.data import DataStore, Observations
from gjax.datasets import Datasets, SpectrumDataset
from gjax.makers import (
    DatasetsMaker,
    ReflectedRegionsBackgroundMaker,
    SafeMaskMaker,
    SpectrumDatasetMaker,
    WobbleRegionsFinder,
)
from gjax.maps import MapAxis, RegionGeom

OBS_IDS = (5029747, 5029748)


def observe(inputs: Inputs) -> Observations:
    """Return the two runs."""
    return DataStore.from_dir(inputs.file("magic/rad_max/data")).get_observations(OBS_IDS, required_irf="point-like")


def reduce(observations: Observations) -> Datasets:
    """Return the spectra, reduced as the reference did, with its fit range of 80 GeV to 20 TeV."""
    energy = MapAxis.from_energy_bounds("50 GeV", "100 TeV", nbin=5, per_decade=True, unit="GeV")
    energy_true = MapAxis.from_energy_bounds(
        "10 GeV", "100 TeV", nbin=10, per_decade=True, unit="GeV", name="energy_true"
    )
    region = PointSkyRegion(SkyCoord(83.63, 22.01, unit="deg", frame="icrs"))
    empty = SpectrumDataset.create(RegionGeom.create(region, axes=[energy]), energy_axis_true=energy_true)
    makers = [
        SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"], containment_correction=False),
        ReflectedRegionsBackgroundMaker(region_finder=WobbleRegionsFinder(n_off_regions=3)),
        SafeMaskMaker(methods=["aeff-default"]),
    ]
    edges = energy.edges.to_value("GeV")
    inside = (edges[:-1] >= 80) & (edges[1:] <= 20_000)
    return Datasets([d.copy(mask_fit=inside) for d in DatasetsMaker(makers).run(empty, observations)])


def compare_regions(report: Report, observations: Observations, reference: dict[str, Any]) -> None:
    """Compare the radii of the on region, as interpolated in energy at the run's offset."""
    table = reference["rad_max_deg_at_reco_centers(offset 0.4)"]
    energy = table["energy_GeV"] * u.GeV
    radii = observations[0].rad_max.evaluate(energy=energy, offset="0.4 deg", method="linear")
    note = "interpolated between bins; the selection of events takes the nearest bin, in both"
    report.relative("radius of the on region", radii.to_value("deg").ravel(), table["rad_max"], 1e-6, note)


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` leaves out the stacked fit."""
    reference = inputs.json("magic_rad_max.json")
    observations = observe(inputs)
    compare_regions(report, observations, reference)
    datasets = reduce(observations)
    for dataset, theirs in zip(datasets, reference["runs"], strict=True):
        compare_reduced(report, dataset, theirs)
        report.exact(f"{dataset.name}: bins of the fit range", flat(dataset.mask_fit), theirs["mask_fit_per_ebin"])
        livetime = float(str(theirs["livetime"]).removesuffix(" s"))
        report.relative(f"{dataset.name}: live time", dataset.livetime.to_value("s"), livetime, 1e-6)
    joint = gjax.Likelihood(datasets, models_of(reference["fit_joint_lp"]["start_models"]))
    npred = joint.npred_signal()
    for dataset in datasets:
        inside = flat(dataset.mask).astype(bool)
        theirs = np.asarray(reference["start_npred_signal"][dataset.name], dtype=float)
        report.relative(f"{dataset.name}: npred", flat(npred[dataset.name])[inside], theirs[inside], 1e-4)
    groups = {"fit_joint_lp": datasets}
    if not quick:
        groups["fit_stacked_lp"] = Datasets([datasets.stack_reduce(name="stacked")])
    for key, group in groups.items():
        fit = reference[key]
        likelihood = gjax.Likelihood(group, models_of(fit["start_models"]))
        compare_start(report, key, likelihood, fit["stat_start"])
        result, (best, note) = likelihood.fit(), polished(fit)
        report.absolute(f"{key}: statistic", result.total_stat, fit["polished"]["stat_opt"], 0.01, note)
        report.fit(key, result, best, source="crab.spectral.", note=note)
