"""Counting experiments with known answers, and the small cubes of the tests of likelihoods."""

import sys
from pathlib import Path

import numpy as np
import pytest

from gjax.datasets import SpectrumDataset, SpectrumDatasetOnOff
from gjax.irf import EDispKernel
from gjax.maps import MapAxis, RegionNDMap
from gjax.models import PowerLawSpectralModel, SkyModel
from gjax.parameters import Parameter

sys.path.append(str(Path(__file__).parents[1] / "freeze"))


@pytest.fixture(scope="session")
def counting():
    """A function that makes spectra of few bins, in which a flux of 1e-12 cm-2 s-1 TeV-1 (index 0) gives ``signal``."""

    def make(name="counting", *, signal=(20.0,), background=None, off=None, alpha=0.2, counts=None):
        signal = np.atleast_1d(np.asarray(signal, float))
        energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=len(signal))
        true = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=len(signal), name="energy_true")
        exposure = signal / (1e-12 * np.diff(true.edges.to_value("TeV")))
        fields = {
            "counts": RegionNDMap.create(None, axes=[energy], data=np.zeros(len(signal)) if counts is None else counts),
            "exposure": RegionNDMap.create(None, axes=[true], data=exposure, unit="cm2 s"),
            "edisp": EDispKernel([true, energy], np.eye(len(signal))),
            "name": name,
        }
        if off is not None:
            off = RegionNDMap.create(None, axes=[energy], data=np.broadcast_to(off, len(signal)).astype(float))
            return SpectrumDatasetOnOff(**fields, counts_off=off, acceptance=1.0, acceptance_off=1 / alpha)
        if background is not None:
            values = np.broadcast_to(background, len(signal)).astype(float)
            fields["background"] = RegionNDMap.create(None, axes=[energy], data=values)
        return SpectrumDataset(**fields)

    return make


@pytest.fixture(scope="session")
def flat():
    """A function that makes a source of constant flux; only its amplitude is free."""

    def make(name="source", amplitude="1e-12 cm-2 s-1 TeV-1", **options):
        spectrum = PowerLawSpectralModel(index=Parameter(0.0, frozen=True), amplitude=amplitude)
        return SkyModel(spectrum, name=name, **options)

    return make


@pytest.fixture(scope="session")
def joint():
    """A cube with a free background and one with off counts; index and amplitude of the source are free."""
    from small_cubes import cube, on_off, source

    from gjax.freeze import Likelihood
    from gjax.models import FoVBackgroundModel

    return Likelihood([cube("known"), on_off("measured")], [source(), FoVBackgroundModel.for_datasets(["known"])])


@pytest.fixture(scope="session")
def forecast(joint):
    return joint.forecast()
