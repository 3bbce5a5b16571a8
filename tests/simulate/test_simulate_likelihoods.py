"""Asimov and Poisson data of likelihoods, one by one and as arrays of toys."""

import sys
from pathlib import Path

import astropy.units as u
import jax
import numpy as np
import pytest

from gjax.datasets import FluxPoints, FluxPointsDataset, SpectrumDataset
from gjax.freeze import Likelihood
from gjax.models import FoVBackgroundModel, PowerLawSpectralModel, SkyModel
from gjax.simulate import asimov_datasets, simulate_datasets

sys.path.append(str(Path(__file__).parents[1] / "freeze"))

from small_cubes import cube, on_off, source

INDEX, AMPLITUDE = "source.spectral.index", "source.spectral.amplitude"


@pytest.fixture(scope="module")
def cubes():
    return Likelihood([cube("known"), on_off("measured")], [source(), FoVBackgroundModel.for_datasets(["known"])])


@pytest.fixture(scope="module")
def spectra(simulate_on_off):
    model = SkyModel(PowerLawSpectralModel(index=2.3, amplitude="3e-11 cm-2 s-1 TeV-1"), name="source")
    return Likelihood(simulate_on_off("run", asimov=True), model)


def points(**options):
    flux = np.array([1.1e-11, 1.2e-12, 0.9e-13]) * u.Unit("cm-2 s-1 TeV-1")
    fields = {"dnde": flux, "dnde_errn": 0.1 * flux, "dnde_errp": 0.3 * flux}
    table = FluxPoints.from_arrays(e_ref=[1, 3, 10] * u.TeV, **fields)
    model = SkyModel(PowerLawSpectralModel(index=2.0, amplitude="1e-11 cm-2 s-1 TeV-1"), name="source")
    return Likelihood(FluxPointsDataset(table, name="points", **options), model)


def test_asimov_counts_are_the_prediction(cubes):
    known, measured = asimov_datasets(cubes)
    npred, background = cubes.npred(), cubes.npred_background()
    np.testing.assert_allclose(known.counts.data, npred["known"].data, rtol=1e-12)
    np.testing.assert_allclose(measured.counts.data, npred["measured"].data, rtol=1e-12, atol=1e-18)
    alpha = measured.alpha.data
    np.testing.assert_allclose(measured.counts_off.data * alpha, background["measured"].data, rtol=1e-12)
    assert (known.name, measured.name) == ("known", "measured")


def test_asimov_data_fit_the_truth_best(spectra):
    asimov = spectra.with_values({INDEX: 2.6}).asimov()
    assert asimov.stat_sum() == pytest.approx(0, abs=1e-9)
    beside = [asimov.with_values({INDEX: 2.6 + step}).stat_sum() for step in (-0.02, 0.02)]
    assert min(beside) > 0
    assert beside[0] == pytest.approx(beside[1], rel=0.1)


def test_spectra_with_a_known_background(simulate_on_off):
    given = simulate_on_off("run", asimov=True).to_spectrum_dataset()
    assert isinstance(given, SpectrumDataset)
    model = SkyModel(PowerLawSpectralModel(index=2.3, amplitude="3e-11 cm-2 s-1 TeV-1"), name="source")
    likelihood = Likelihood(given, model)
    drawn = simulate_datasets(likelihood, jax.random.key(1))[0].counts.data.ravel()
    mean = likelihood.npred()["run"].data.ravel()
    assert np.all(drawn == np.rint(drawn))
    assert np.all(np.abs(drawn - mean) < 4.5 * np.sqrt(mean))
    np.testing.assert_allclose(likelihood.asimov().datasets[0].counts.data.ravel(), mean, rtol=1e-12)


def test_draws_are_poisson_and_depend_on_the_key(cubes):
    first, again, other = (simulate_datasets(cubes, jax.random.key(seed)) for seed in (0, 0, 1))
    for one, same, new in zip(first, again, other):
        np.testing.assert_array_equal(one.counts.data, same.counts.data)
        assert not np.array_equal(one.counts.data, new.counts.data)
    expected = asimov_datasets(cubes)
    for drawn, mean in zip(first, expected):
        total = mean.counts.data.sum()
        assert drawn.counts.data.sum() == pytest.approx(total, abs=4 * np.sqrt(total))
    off = first[1].counts_off.data, expected[1].counts_off.data
    assert off[0].sum() == pytest.approx(off[1].sum(), abs=4 * np.sqrt(off[1].sum()))
    # variance as large as the mean
    chi2 = ((off[0] - off[1])[off[1] > 1] ** 2 / off[1][off[1] > 1]).mean()
    assert chi2 == pytest.approx(1, abs=0.2)


def test_a_planned_run_keeps_its_off_counts(spectra):
    planned = spectra.datasets[0]
    planned = planned.copy(counts=planned.counts.copy(data=0 * planned.counts.data))
    made = asimov_datasets(Likelihood(planned, spectra.models))[0]
    np.testing.assert_allclose(made.counts_off.data, planned.counts_off.data)
    expected = spectra.npred_signal()["run"].data + 0.2 * planned.counts_off.data
    np.testing.assert_allclose(made.counts.data, expected, rtol=1e-12)


def test_flux_points():
    likelihood = points()
    flux = likelihood.asimov().datasets[0].data.quantity("dnde").to_value("cm-2 s-1 TeV-1")
    np.testing.assert_allclose(flux, [1e-11, 1e-11 / 9, 1e-13], rtol=1e-9)
    draws = np.array([simulate_datasets(likelihood, jax.random.key(k))[0].data.norms["norm"] for k in range(300)])
    error = likelihood.datasets[0].arrays()["dnde_err"] / flux
    spread = draws.std(axis=0) * likelihood.datasets[0].data.reference["dnde"] / flux
    np.testing.assert_allclose(spread, error, rtol=0.15)


def test_flux_points_with_errors_that_differ():
    """Points below the model have the upper error as their distance, which is the larger one."""
    likelihood = points(stat_type="distrib")
    truth = likelihood.asimov().datasets[0].data.norms["norm"]
    draws = np.array([simulate_datasets(likelihood, jax.random.key(k))[0].data.norms["norm"] for k in range(300)])
    below, above = np.minimum(draws - truth, 0), np.maximum(draws - truth, 0)
    ratio = np.sqrt((below**2).sum(axis=0) / (above**2).sum(axis=0))
    np.testing.assert_allclose(ratio, 3, rtol=0.3)


def test_toys_of_spectra_scatter_as_forecast(spectra):
    toys = spectra.toys(jax.random.key(0), 1024)
    assert len(toys) == 1024
    fits = toys.fit()
    assert fits.success.all()
    forecast = spectra.forecast()
    np.testing.assert_allclose(fits.values.std(axis=0), np.sqrt(np.diag(forecast.covariance)), rtol=0.07)
    pull = (fits.values.mean(axis=0) - [2.3, 3e-11]) / fits.values.std(axis=0)
    assert np.all(np.abs(pull) < 0.2)


def test_toys_of_cubes(cubes):
    toys = cubes.toys(jax.random.key(1), 4)
    # every bin by itself, with counts or without; the same keys give the same counts
    (known, none), (on, off) = toys.drawn
    assert none is None
    assert known.shape[0] == on.shape[0] == off.shape[0] == 4
    np.testing.assert_array_equal(known, cubes.toys(jax.random.key(1), 4).drawn[0][0])
    total = cubes.npred()["known"].data.sum()
    np.testing.assert_allclose(np.sum(known, axis=(1, 2)), total, atol=4 * np.sqrt(total))
    problem = toys.problem(2)
    np.testing.assert_array_equal(problem.buckets[0].counts, known[2])


def test_every_bin_changes_nothing_else(cubes):
    assert cubes.every_bin().stat_sum() == pytest.approx(cubes.stat_sum(), rel=1e-6)


def test_impossible(spectra):
    with pytest.raises(TypeError, match="expected a random key"):
        spectra.simulate(42)
    with pytest.raises(ValueError, match="at least 1"):
        spectra.toys(jax.random.key(0), 0)
    with pytest.raises(ValueError, match="toys are drawn of counts"):
        points().toys(jax.random.key(0), 3)
