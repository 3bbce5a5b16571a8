"""Chains on disk: saved, read, gone on with; broken and foreign files."""

import jax
import numpy as np
import pytest

from gjax.errors import FitError
from gjax.freeze import Posterior, _sampling
from gjax.inference import make_sampler
from gjax.parameters import GaussianPrior

OPTIONS = {"n_warmup": 200, "n_chains": 4, "progress": False}


@pytest.fixture(scope="module")
def whole(linear, linear_result):
    return linear.sample(jax.random.key(1), n_samples=250, result=linear_result, **OPTIONS)


@pytest.fixture(scope="module")
def part(linear, linear_result):
    return linear.sample(jax.random.key(1), n_samples=130, result=linear_result, **OPTIONS)


def equal(one, other):
    assert list(one.samples) == list(other.samples)
    for name, draws in one.samples.items():
        np.testing.assert_array_equal(draws, other.samples[name])
    for name, values in one.sample_stats.items():
        np.testing.assert_array_equal(values, other.sample_stats[name])
    assert (one.divergences, one.n_steps) == (other.divergences, other.n_steps)


def test_chains_go_on_bit_for_bit(linear, whole, part, tmp_path):
    path = tmp_path / "chains.npz"
    part.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["chains.npz"]
    read = Posterior.read(path)
    equal(read, part)
    assert read.complete
    assert read.flat("hard.spectral.amplitude").shape == (520,)
    with pytest.raises(ValueError, match="without their likelihood"):
        read.propagate(lambda model: model.amplitude, "hard")
    for resume in (part, read, path):
        equal(linear.sample(jax.random.key(99), n_samples=250, resume=resume, progress=False), whole)


def test_samples_read_with_their_likelihood_answer_all(linear, part, tmp_path):
    path = tmp_path / "chains.npz"
    part.save(path)
    read = Posterior.read(path, linear)
    assert read.result.total_stat == part.result.total_stat
    assert read.result["hard.spectral.amplitude"] == pytest.approx(part.result["hard.spectral.amplitude"], rel=1e-12)
    np.testing.assert_allclose(read.result.covariance, part.result.covariance, rtol=1e-9)
    np.testing.assert_allclose(
        read.propagate(lambda m: m.amplitude, "hard"), part.flat("hard.spectral.amplitude"), rtol=1e-12
    )


def test_a_run_keeps_its_file_up_to_date(linear, linear_result, whole, tmp_path, monkeypatch):
    path = tmp_path / "run.npz"

    def interrupted(*arguments):
        start, draw = make_sampler(*arguments)
        count = iter(range(100))

        def stop(*more):
            if next(count) >= 4:
                raise KeyboardInterrupt
            return draw(*more)

        return start, stop

    with monkeypatch.context() as patch:
        patch.setattr(_sampling, "make_sampler", interrupted)
        stopped = linear.sample(jax.random.key(1), n_samples=250, result=linear_result, path=path, **OPTIONS)
    assert not stopped.complete
    assert "interrupted" in Posterior.read(path).message
    assert Posterior.read(path).samples["soft.spectral.amplitude"].shape == (4, 200)
    equal(linear.sample(jax.random.key(0), n_samples=250, resume=path, progress=False), whole)


def test_foreign_and_broken_files(linear, part, tmp_path):
    path = tmp_path / "chains.npz"
    part.save(path)
    other = linear.with_priors({"hard.*amplitude": GaussianPrior(2e-11, 1e-12)})
    with pytest.raises(FitError, match="another likelihood"):
        other.sample(jax.random.key(0), resume=part, progress=False)
    frozen = linear.freeze("hard.*")
    with pytest.raises(FitError, match="hard"):
        frozen.sample(jax.random.key(0), resume=part, progress=False)
    with pytest.raises(FitError, match=r"soft\.spectral\.amplitude"):
        Posterior.read(path, frozen)
    data = path.read_bytes()
    for number, content in enumerate((b"", b"text", data[: len(data) // 2])):
        bad = tmp_path / f"bad{number}.npz"
        bad.write_bytes(content)
        with pytest.raises(FitError, match=f"bad{number}"):
            Posterior.read(bad)
    np.savez(tmp_path / "foreign.npz", a=np.zeros(2))
    with pytest.raises(FitError, match="foreign"):
        Posterior.read(tmp_path / "foreign.npz")
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, header=np.array({"what": "no"}, dtype=object))
    with pytest.raises(FitError, match="pickled"):
        Posterior.read(pickled)
    with pytest.raises(FileNotFoundError):
        Posterior.read(tmp_path / "none.npz")
    with pytest.raises(ValueError, match="without their chains"):
        Posterior(part.samples, part.units, 0, 1, part.result).save(path)
    assert path.read_bytes() == data


def test_arviz_gets_the_statistics_of_the_sampler(part):
    pytest.importorskip("arviz")
    data = part.to_arviz()
    for name in ("diverging", "acceptance_rate", "lp", "n_steps"):
        assert data["sample_stats"][name].shape == (4, 130)
    assert data["posterior"]["soft.spectral.amplitude"].shape == (4, 130)


def test_plots(part):
    import matplotlib.pyplot as plt

    assert len(part.plot_trace().axes) == 4
    assert len(part.plot_ranks("soft.spectral.amplitude").axes) == 1
    assert part.plot_band("soft", ["1 TeV", "10 TeV"]).get_xscale() == "log"
    plt.close("all")
