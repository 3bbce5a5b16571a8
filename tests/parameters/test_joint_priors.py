"""Priors on several parameters together: densities, curvatures, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from gjax.parameters import (
    GaussianBlockPrior,
    GaussianProcessPrior,
    Parameter,
    PopulationPrior,
    SmoothnessPrior,
    fill,
    freeze_tree,
    joint_statistic,
    joint_terms,
    joint_weight,
)

VALUES = np.array([1.1, 0.8, 1.6, 1.3])
ONE = Parameter(1.0)
NODES = np.array([0.0, 1.0, 2.5, 3.0])


def norms(values=VALUES):
    return Parameter(values, axes={"node": [str(k) for k in range(len(values))]})


def cases():
    free = {"length_scale": Parameter(1.5), "amplitude": Parameter(0.4), "mean": Parameter(1.2)}
    covariance = 0.1 * np.exp(-np.abs(NODES[:, None] - NODES))
    return {
        "population": PopulationPrior([Parameter(v) for v in VALUES], 1.2, 0.3),
        "population of logs": PopulationPrior(norms(), 0.1, 0.3, is_log=True),
        **{
            kernel: GaussianProcessPrior(norms(), NODES, kernel=kernel, **free)
            for kernel in ("rbf", "matern12", "matern32", "matern52")
        },
        "process of logs": GaussianProcessPrior(norms(), NODES, length_scale=2.0, amplitude=0.5, is_log=True),
        "block": GaussianBlockPrior(norms(), np.full(4, 1.1), covariance),
        "smoothness": SmoothnessPrior(norms(), 3.0),
    }


MADE = {}


def compiled(name):
    """Statistic, second derivatives and curvature of a prior as one compiled program, its term and its table."""
    if name not in MADE:
        prior = cases()[name]
        skeletons, table = freeze_tree([prior], [prior.name])
        terms = joint_terms(skeletons)
        is_free = jnp.ones(table.size, bool)

        def value(theta):
            return joint_statistic(terms, theta, is_free)

        def everything(theta, index, scale):
            return value(theta), jax.hessian(value)(theta), joint_weight(terms, theta, index, scale)

        n = table.size
        like = jnp.zeros(n), jnp.zeros(n, int), jnp.zeros(n)
        # programs that run a few times are not worth the time to optimise them
        program = jax.jit(everything).lower(*like).compile({"xla_backend_optimization_level": 0})
        MADE[name] = (
            prior,
            lambda t, i=None, s=None: tuple(
                np.asarray(part)
                for part in program(
                    jnp.asarray(t),
                    jnp.arange(n) if i is None else jnp.asarray(i),
                    jnp.ones(n) if s is None else jnp.asarray(s),
                )
            ),
            terms,
            table,
        )
    return MADE[name]


def log_density(name, prior):
    """Logarithm of the density by SciPy."""
    if name.startswith("population"):
        mean, sigma = prior.mean.value, prior.sigma.value
        if prior.is_log:
            return np.sum(stats.norm.logpdf(np.log(VALUES), mean, sigma) - np.log(VALUES))
        return np.sum(stats.norm.logpdf(VALUES, mean, sigma))
    if name == "block":
        return stats.multivariate_normal.logpdf(VALUES, prior.mean, prior.covariance)
    d = np.abs(NODES[:, None] - NODES) / prior.length_scale.value
    r3, r5 = np.sqrt(3) * d, np.sqrt(5) * d
    shape = {
        "rbf": np.exp(-(d**2) / 2),
        "matern12": np.exp(-d),
        "matern32": (1 + r3) * np.exp(-r3),
        "matern52": (1 + r5 + r5**2 / 3) * np.exp(-r5),
    }[prior.kernel]
    matrix = prior.amplitude.value**2 * (shape + 1e-6 * np.eye(4))
    x = np.log(VALUES) if prior.is_log else VALUES
    return stats.multivariate_normal.logpdf(x, np.full(4, prior.mean.value), matrix) - prior.is_log * np.sum(x)


@pytest.mark.parametrize("name", [name for name in cases() if name != "smoothness"])
def test_densities_and_curvatures(name):
    prior, program, terms, table = compiled(name)
    statistic, hessian, weight = program(table.counted)
    assert -0.5 * statistic - prior.log_norm(terms[0].number) == pytest.approx(log_density(name, prior), rel=1e-8)
    assert np.isfinite(hessian).all()
    assert np.linalg.eigvalsh(weight).min() > -1e-9 * weight.max()
    members = np.setdiff1d(terms[0].entries, terms[0].hyper)
    found, exact = 2 * weight[np.ix_(members, members)], hessian[np.ix_(members, members)]
    if not getattr(prior, "is_log", False):
        np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-9 * exact.max())
    # scales and places of the free vector
    n = table.size
    part = program(table.counted, [2, 0, *[n] * (n - 2)], [2.0, 3.0, *[1.0] * (n - 2)])[2]
    assert part[0, 1] == pytest.approx(6 * weight[2, 0])
    assert not part[2:].any()


@pytest.mark.parametrize("name", ["population", "matern52"])
def test_expected_curvature_of_widths(name):
    """The mean of the second derivatives over draws from the prior is what the curvature claims."""
    _, program, terms, table = compiled(name)
    filled = fill(terms[0].skeleton, jnp.asarray(table.counted))
    root = np.asarray(filled.factor())
    root = np.diag(root) if root.ndim == 1 else root
    members, hyper = np.setdiff1d(terms[0].entries, terms[0].hyper), np.asarray(terms[0].hyper)
    rng, total = np.random.default_rng(1), 0.0
    theta, draws = table.counted.copy(), rng.normal(size=(1500, len(members)))
    # with the mirror image of every draw, and the variance that is claimed
    draws = draws / np.sqrt(np.mean(draws**2, axis=0))
    for row in draws:
        theta[members] = float(filled.mean) + root @ row
        total = total + program(theta)[1][np.ix_(hyper, hyper)]
    claimed = 2 * program(table.counted)[2][np.ix_(hyper, hyper)]
    np.testing.assert_allclose(claimed, total / len(draws), rtol=0.1, atol=0.1 * claimed.max())


def test_values_outside_and_single_precision():
    outside = (("population", "sigma", 0.0), ("rbf", "length_scale", -1.0), ("population of logs", "", -1.0))
    for name, entry, bad in outside:
        _, program, _, table = compiled(name)
        theta = table.counted.copy()
        theta[next(k for k, label in enumerate(table.names) if label.endswith(entry))] = bad
        assert program(theta)[0] == np.inf
    prior, program, _, table = compiled("rbf")
    with jax.enable_x64(False):
        single = jax.jit(lambda p: p.statistic())(prior.filled())
        assert single.dtype == jnp.float32
    assert float(single) == pytest.approx(float(program(table.counted)[0]), rel=1e-2)


def test_differences():
    values = np.array([1.0, 3.0, 2.0, 5.0])
    one = SmoothnessPrior(norms(values), 0.5, order=1)
    assert float(one.filled().statistic()) == pytest.approx(0.5 * (4 + 1 + 9))
    logs = SmoothnessPrior(norms(values), 2.0, is_log=True)
    assert float(logs.filled().statistic()) == pytest.approx(2 * np.sum(np.diff(np.log(values), n=2) ** 2))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: PopulationPrior([], 1, 1), "at least one"),
        (lambda: PopulationPrior([3.0], 1, 1), "expected parameters"),
        (lambda: PopulationPrior([Parameter(1.0), Parameter("1 TeV")], 1, 1), "unit"),
        (lambda: PopulationPrior([Parameter(1.0)], 1, -1), "positive"),
        (lambda: PopulationPrior([Parameter("1 TeV")], Parameter(1.0), 1), "mean"),
        (lambda: PopulationPrior([norms(), ONE, ONE], 1, 1), "twice"),
        (lambda: GaussianProcessPrior(norms(), [0, 1], 1.0), "nodes"),
        (lambda: GaussianProcessPrior(norms(), NODES, 1.0, kernel="cubic"), "kernel"),
        (lambda: GaussianProcessPrior(norms(), NODES, 0.0), "length_scale"),
        (lambda: GaussianProcessPrior(norms(), NODES, 1.0, jitter=0.0), "jitter"),
        (lambda: GaussianBlockPrior(norms(), [1], np.eye(4)), "mean"),
        (lambda: GaussianBlockPrior(norms(), VALUES, -np.eye(4)), "positive"),
        (lambda: GaussianBlockPrior(norms(), VALUES, np.eye(4) + np.diag([0.1] * 3, 1)), "symmetric"),
        (lambda: SmoothnessPrior(norms(), order=3), "order"),
        (lambda: SmoothnessPrior(norms(), 0.0), "strength"),
        (lambda: SmoothnessPrior(Parameter(1.0)), "more than 2"),
    ],
)
def test_what_is_refused(make, match):
    with pytest.raises((TypeError, ValueError), match=match):
        make()
