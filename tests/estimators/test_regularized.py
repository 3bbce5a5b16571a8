"""Flux points unfolded together, their covariance, and fits to points that have one."""

import astropy.units as u
import numpy as np
import pytest

import gjax
from gjax.datasets import FluxPoints, FluxPointsDataset
from gjax.errors import DataFormatError, FitError
from gjax.estimators import RegularizedFluxPointsEstimator
from gjax.models import PowerLawSpectralModel, SkyModel
from gjax.stats import wstat

EDGES = [0.3, 1.25, 5.0, 80.0]


@pytest.fixture(scope="module")
def runs(simulate_on_off):
    # true energies whose edges are not those of the bands
    return [simulate_on_off(f"run-{seed}", seed=seed, n_bins=6, n_true=11) for seed in range(2)]


@pytest.fixture(scope="module")
def likelihood(runs):
    spectrum = PowerLawSpectralModel(index=2.3, amplitude="3e-11 cm-2 s-1 TeV-1")
    return gjax.Likelihood(runs, SkyModel(spectrum, name="crab"))


@pytest.fixture(scope="module")
def points(likelihood):
    return RegularizedFluxPointsEstimator(EDGES).run(likelihood)


def signals(run, index=2.3, amplitude=3e-11):
    """Return the counts of every band at norm 1, shape (bands, energy)."""
    true = run.exposure.geom.axes["energy_true"].edges.to_value("TeV")
    area = run.exposure.quantity.to_value("cm2 s").ravel()
    found = []
    for low, high in zip([1e-9, *EDGES[1:-1]], [*EDGES[1:-1], 1e9]):
        bottom, top = np.clip(true[:-1], low, high), np.clip(true[1:], low, high)
        flux = amplitude * (top ** (1 - index) - bottom ** (1 - index)) / (1 - index)
        found.append((flux * area) @ run.edisp.pdf_matrix)
    return np.array(found)


def test_norms_and_covariance_are_those_of_the_statistic_written_out(runs, points):
    parts = [signals(run) for run in runs]

    def statistic(norm):
        total = 0.0
        for run, part in zip(runs, parts):
            data = (np.ravel(m.data) for m in (run.counts, run.counts_off, run.alpha))
            total += wstat(*data, norm @ part).sum()
        return total

    best, step = points.norms["norm"], 1e-3 * np.eye(3)
    around = [[statistic(best + a + b) for b in (*step, *-step)] for a in (*step, *-step)]
    moved = np.array(around)
    slope = (moved[:3, :3].diagonal() - moved[3:, 3:].diagonal()) / 4e-3
    hessian = (moved[:3, :3] - moved[:3, 3:] - moved[3:, :3] + moved[3:, 3:]) / 4e-6
    np.testing.assert_allclose(slope / np.sqrt(hessian.diagonal()), 0.0, atol=2e-3)
    np.testing.assert_allclose(points.covariance, 2 * np.linalg.inv(hessian), rtol=2e-3, atol=1e-6)
    # energy dispersion: neighbours are anticorrelated
    assert points.correlation[0, 1] < -0.05
    np.testing.assert_allclose(points.norms["norm_err"], np.sqrt(points.covariance.diagonal()))
    assert np.all(points.extra["reason"] == "")
    assert points.extra["success"].all()
    # the limit: the statistic, others re-optimised along the way, is that much higher
    from scipy.optimize import minimize

    for k in (0, 2):
        limit, others = points.norms["norm_ul"][k], [i for i in range(3) if i != k]

        def held(rest, value, k=k, others=others):
            norm = np.empty(3)
            norm[k], norm[others] = value, rest
            return statistic(norm)

        options = {"method": "Nelder-Mead", "options": {"xatol": 1e-6, "fatol": 1e-7}}
        assert minimize(held, best[others], (limit,), **options).fun - statistic(best) == pytest.approx(4, rel=1e-3)
        null = minimize(held, best[others], (0.0,), **options).fun - statistic(best)
        assert points.extra["ts"][k] == pytest.approx(null, rel=1e-3)


def test_a_strong_penalty_leaves_a_power_law(likelihood, points):
    smooth = {
        penalty: RegularizedFluxPointsEstimator(EDGES, smoothness=1e5, penalty=penalty).run(likelihood)
        for penalty in ("log", "lin")
    }
    log = np.log(smooth["log"].norms["norm"])
    x = np.log(smooth["log"].e_ref.to_value("TeV"))
    bends = np.diff(np.diff(log) / np.diff(x)) * np.diff(x).mean()
    assert np.abs(bends).max() < 1e-3
    for found in smooth.values():
        assert found.norms["norm_err"][1] < points.norms["norm_err"][1]
        # what the data say of one band alone does not depend on the penalty
        np.testing.assert_allclose(found.extra["ts"], points.extra["ts"], rtol=1e-5)
    weak = RegularizedFluxPointsEstimator(EDGES, smoothness=1e-6, penalty="lin").run(likelihood)
    for name in ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul"):
        np.testing.assert_allclose(weak.norms[name], points.norms[name], rtol=1e-4)
    np.testing.assert_allclose(weak.covariance, points.covariance, rtol=1e-4, atol=1e-8)


def test_a_band_that_no_data_reach_is_marked(likelihood):
    found = RegularizedFluxPointsEstimator([0.3, 1.25, 5.0, 80.0, 200.0][1:]).run(likelihood)
    assert found.extra["reason"].tolist() == ["", "", "the data do not depend on it"]
    assert np.isnan(found.norms["norm"][2])
    assert np.isnan(found.covariance[2]).all()
    assert np.isfinite(found.covariance[:2, :2]).all()
    dark = [run.copy(counts=run.counts * 0, name=run.name) for run in likelihood.datasets]
    nothing = RegularizedFluxPointsEstimator([1.25, 5.0, 80.0, 200.0]).run(gjax.Likelihood(dark, likelihood.models))
    assert set(nothing.extra["reason"][np.isnan(nothing.norms["norm"])]) == {"no counts"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"energy_edges": [1]}, "at least two increasing"),
        ({"energy_edges": [1, 3], "smoothness": -1.0}, "smoothness"),
        ({"energy_edges": [1, 3], "smoothness": np.nan}, "smoothness"),
        ({"energy_edges": [1, 3], "penalty": "cubic"}, "penalty"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        RegularizedFluxPointsEstimator(**options)


@pytest.mark.parametrize("suffix", ["fits", "ecsv"])
@pytest.mark.parametrize("sed_type", ["likelihood", "dnde", "eflux"])
def test_covariance_survives_files_and_conversions(points, tmp_path, suffix, sed_type):
    points.write(tmp_path / f"points.{suffix}", sed_type)
    again = FluxPoints.read(tmp_path / f"points.{suffix}")
    expected = points.covariance_of("flux")
    if sed_type != "likelihood":
        # in other conventions the file does not say which spectrum converts them
        again = FluxPoints.read(tmp_path / f"points.{suffix}", reference_model=2.3)
    np.testing.assert_allclose(again.covariance_of("flux").value, expected.value, rtol=1e-6)
    np.testing.assert_allclose(again.correlation, points.correlation, rtol=1e-10)
    assert again.extra["reason"].tolist() == ["", "", ""]


def test_broken_covariances(points, tmp_path):
    with pytest.raises(ValueError, match="expected shape"):
        points.copy(covariance=np.eye(2))
    with pytest.raises(ValueError, match="symmetric"):
        points.copy(covariance=np.triu(np.ones((3, 3))))
    table = points.to_table("dnde")
    table["dnde_covariance"] = table["dnde_covariance"][:, :2]
    with pytest.raises(DataFormatError, match="dnde_covariance"):
        FluxPoints.from_table(table)
    assert points.copy(covariance=None).correlation is None
    with pytest.raises(ValueError, match="no covariance"):
        points.copy(covariance=None).plot_correlation()
    broken = points.copy(covariance=np.full((3, 3), 0.01))
    with pytest.raises(FitError, match="not positive"):
        likelihood_of(broken)


def likelihood_of(points, **options):
    model = SkyModel(PowerLawSpectralModel(index=2.0, amplitude="2e-11 cm-2 s-1 TeV-1"), name="crab")
    return gjax.Likelihood(FluxPointsDataset(points, name="points", **options), model)


def test_fits_to_points_take_their_covariance(points):
    masked = likelihood_of(points, mask_fit=np.array([True, True, False]))
    likelihood = likelihood_of(points)
    e_ref, dnde = points.e_ref.to_value("TeV"), points.dnde.to_value("cm-2 s-1 TeV-1")
    covariance = points.covariance_of("dnde").to_value("cm-4 s-2 TeV-2")
    rest = 2e-11 * e_ref**-2.0 - dnde
    assert likelihood.stat_sum() == pytest.approx(rest @ np.linalg.solve(covariance, rest), rel=1e-9)
    assert masked.stat_sum() == pytest.approx(rest[:2] @ np.linalg.solve(covariance[:2, :2], rest[:2]), rel=1e-9)
    for one in (likelihood, masked):
        np.testing.assert_allclose(one.npred()["points"], 2e-11 * e_ref**-2.0, rtol=1e-10)
    assert (likelihood.n_bins, masked.n_bins) == (3, 2)
    # the amplitude alone: generalised least squares
    shape = e_ref**-2.0
    weights = np.linalg.solve(covariance, shape)
    fit = likelihood.freeze("*.index").fit()
    value, error = fit["amplitude"]
    assert fit.success
    assert value == pytest.approx(weights @ dnde / (weights @ shape), rel=1e-6)
    assert error == pytest.approx((weights @ shape) ** -0.5, rel=1e-5)
    # and not what independent points give
    plain = likelihood_of(points.copy(covariance=None)).freeze("*.index").fit()
    assert abs(plain["amplitude"][1] / error - 1) > 0.02


def test_points_in_a_fit_give_back_the_spectrum(points):
    fit = likelihood_of(points).fit()
    assert fit.success
    for name, truth in (("index", 2.3), ("amplitude", 3e-11)):
        value, error = fit[name]
        assert abs(value - truth) < 2 * error
        assert error < 0.1 * truth


def test_correlation_is_drawn(points):
    from gjax.plot import new_figure

    ax = points.plot_correlation(new_figure().add_subplot())
    assert [text.get_text() for text in ax.get_xticklabels()] == [f"{e:.3g}" for e in points.e_ref.to_value(u.TeV)]
    assert len(ax.texts) == 9
