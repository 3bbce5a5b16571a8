"""Nuisances of instruments: arrays over datasets and energies, tilts, links, files."""

import jax
import numpy as np
import pytest
from small_cubes import cube, source

import gjax
from gjax.irf import PSFMap
from gjax.likelihood import scoring_terms
from gjax.maps import MapAxis
from gjax.models import (
    GaussianSpatialModel,
    InstrumentModel,
    Models,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
)
from gjax.parameters import Affine, GaussianPrior, Parameter

ENERGIES = ["0.5 TeV", "2 TeV", "10 TeV"]


def crab(index=2.3, amplitude=3e-11):
    return SkyModel(PowerLawSpectralModel(index=index, amplitude=amplitude), name="crab")


def nodes(names, **options):
    return Parameter(options.pop("value", 1.0), axes={"dataset": names, "energy": ENERGIES}, scale=0.1, **options)


@pytest.fixture(scope="module")
def runs(simulate_on_off):
    return [simulate_on_off(name, seed=k) for k, name in enumerate(("a", "b"))]


@pytest.fixture(scope="module")
def everything(runs):
    """All nuisances at once: of every run, of every energy, and a link."""
    prior = GaussianPrior(0.0, 0.2)
    scale = Parameter([0.05, -0.05], axes={"dataset": ["a", "b"]}, prior=prior, scale=0.1)
    tilt = Parameter(0.1, prior=prior, scale=0.1)
    norm = nodes(["b", "a"], value=[[1.0, 1.1, 0.9], [1.2, 0.8, 1.0]], prior=GaussianPrior(1.0, 0.1))
    instrument = InstrumentModel("hess", energy_scale=scale, exposure_norm=norm, exposure_tilt=tilt)
    return gjax.Likelihood(runs, Models([crab(), instrument]))


def test_what_the_instrument_sees_is_the_formula(runs, everything):
    """A sum over true energies written out, with the nuisances of the other run in its other row."""
    for name, z, norms in (("a", 0.05, [1.2, 0.8, 1.0]), ("b", -0.05, [1.0, 1.1, 0.9])):
        dataset = runs["ab".index(name)]
        axis = dataset.exposure.geom.axes["energy_true"]
        edges = axis.edges.to_value("TeV")
        centre = np.sqrt(edges[1:] * edges[:-1])
        factor = np.interp(np.log(centre), np.log([0.5, 2, 10]), norms) * centre**-0.1
        moved = edges / (1 + z)
        flux = 3e-11 * np.diff(moved**-1.3) / -1.3
        expected = (flux * factor * dataset.exposure.quantity.to_value("cm2 s").ravel()) @ dataset.edisp.pdf_matrix
        np.testing.assert_allclose(everything.npred_signal()[name].data.ravel(), expected, rtol=1e-9)


def test_derivatives_are_those_of_differences(everything):
    x = np.asarray(everything.x0) + 0.1
    step = 1e-5 * np.eye(len(x))
    gradient = np.asarray(jax.jit(jax.grad(everything.statistic))(x))
    values = jax.jit(jax.vmap(everything.statistic))(np.concatenate([x + step, x - step]))
    np.testing.assert_allclose(gradient, (values[: len(x)] - values[len(x) :]) / 2e-5, rtol=1e-5, atol=1e-3)
    # and those that fits take, by colours
    slope = jax.jit(scoring_terms)(everything.problem, everything.padded(x))[1]
    np.testing.assert_allclose(np.asarray(slope)[: len(x)], gradient, rtol=1e-8, atol=1e-8)


def test_a_link_is_a_substitution(runs):
    tilt = Parameter(0.2, scale=0.1)
    one = InstrumentModel("one", "a", exposure_tilt=tilt, exposure_norm=Affine(tilt, 0.5, 1.0))
    other = InstrumentModel("other", "b", exposure_tilt=tilt)
    linked = gjax.Likelihood(runs, Models([crab(), one, other]))
    written = gjax.Likelihood(
        runs,
        Models(
            [
                crab(),
                InstrumentModel("one", "a", exposure_tilt=Parameter(0.2), exposure_norm=Parameter(1.1)),
                InstrumentModel("other", "b", exposure_tilt=Parameter(0.2)),
            ]
        ),
    )
    assert linked.free_names == ["crab.spectral.index", "crab.spectral.amplitude", "one.exposure_tilt"]
    assert linked.stat_sum() == pytest.approx(written.stat_sum(), rel=1e-12)


def test_a_tilt_of_the_exposure_is_a_softer_spectrum(runs):
    tilted = gjax.Likelihood(runs, Models([crab(2.3), InstrumentModel("hess", exposure_tilt=Parameter(0.1))]))
    softer = gjax.Likelihood(runs, crab(2.4))
    # but for the shape inside of a bin of true energy
    for name, found in tilted.npred_signal().items():
        np.testing.assert_allclose(found.data, softer.npred_signal()[name].data, rtol=0.01)


def test_arrays_come_back_from_files(everything, tmp_path):
    path = tmp_path / "models.yaml"
    everything.models.write(path)
    back = Models.read(path)
    assert back.to_dict() == everything.models.to_dict()
    np.testing.assert_array_equal(back["hess"].exposure_norm.value, [[1.0, 1.1, 0.9], [1.2, 0.8, 1.0]])
    assert back["hess"].exposure_norm.prior == GaussianPrior(1.0, 0.1)
    again = gjax.Likelihood(everything.datasets, back)
    assert again.stat_sum() == pytest.approx(everything.stat_sum(), rel=1e-12)


def test_axes_that_mean_nothing_are_refused():
    other = Parameter(1.0, axes={"time": ["1", "2"]})
    with pytest.raises(
        ValueError, match=r"InstrumentModel.exposure_norm: can have the axes dataset, energy, not 'time'"
    ):
        InstrumentModel("hess", exposure_norm=other)
    with pytest.raises(ValueError, match=r"InstrumentModel.exposure_tilt: can have the axes dataset, not 'energy'"):
        InstrumentModel("hess", exposure_tilt=Parameter(0.0, axes={"energy": ENERGIES}))
    for labels, message in ((["1 TeV", "1 TeV"], "energies that rise"), (["low", "high"], "axis 'energy'")):
        with pytest.raises(ValueError, match=message):
            InstrumentModel("hess", exposure_norm=Parameter(1.0, axes={"energy": labels}))


# ---- the width of the PSF ----

SHAPES = {
    "point": PointSpatialModel("83.64 deg", "22.0 deg"),
    "radial": GaussianSpatialModel("83.64 deg", "22.0 deg", sigma="0.12 deg"),
    "grid": GaussianSpatialModel("83.64 deg", "22.0 deg", sigma="0.12 deg", e=0.5, phi="30 deg"),
}


def test_a_stretched_psf_is_a_psf_of_that_width():
    true = cube().exposure.geom.axes["energy_true"]
    # PSFs are linear between their radii: fine ones, so that the stretched one bends at as good places
    rad = MapAxis.from_bounds(0, 0.5, nbin=125, unit="deg", name="rad")
    given, wide = (
        cube().copy(psf=PSFMap.from_gauss(true, rad_axis=rad, sigma=f"{sigma} deg"), name="given")
        for sigma in (0.09, 0.108)
    )
    sources = [source(name, spatial=shape, amplitude="1e-11 cm-2 s-1 TeV-1") for name, shape in SHAPES.items()]
    instrument = InstrumentModel("hess", psf_scale=Parameter(1.2, min=0.7, max=1.4, scale=0.1))
    likelihood = gjax.Likelihood(given, Models([*sources, instrument]))
    assert [folds.method for folds in likelihood.folds] == list(SHAPES)
    plain = gjax.Likelihood(wide, Models(sources))
    for name in SHAPES:
        found, expected = (one.npred_signal(source=name)["given"].data for one in (likelihood, plain))
        np.testing.assert_allclose(found, expected, atol=2e-4 * expected.max())


def test_a_source_that_is_fixed_is_not_folded_once_where_the_psf_may_change():
    names = ["wide", "narrow"]
    width = Parameter([1.2, 0.8], axes={"dataset": names}, min=0.7, max=1.4, prior=GaussianPrior(1.0, 0.2), scale=0.1)
    datasets = [cube(name, seed) for seed, name in enumerate(names)]
    models = Models([source(amplitude="1e-11 cm-2 s-1 TeV-1"), InstrumentModel("hess", psf_scale=width)])
    likelihood = gjax.Likelihood(datasets, models)
    assert likelihood.folds[0].method == "point"
    x = np.asarray(likelihood.x0)
    step = 1e-4 * np.eye(len(x))
    values = jax.jit(jax.vmap(likelihood.statistic))(np.concatenate([x + step, x - step]))
    slope = np.asarray(jax.jit(scoring_terms)(likelihood.problem, likelihood.padded(x))[1])
    assert (np.abs(slope[2:4]) > 1).all()
    np.testing.assert_allclose(slope[: len(x)], (values[: len(x)] - values[len(x) :]) / 2e-4, rtol=1e-4, atol=1e-2)
