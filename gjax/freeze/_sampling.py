"""Running the sampler: where it starts, what it keeps, and how it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from gjax.errors import FitError
from gjax.freeze import _compiled as compiled
from gjax.freeze._chains import Chains, load_state, plain_state
from gjax.freeze._posterior import Posterior, named_samples
from gjax.inference import Whitening, make_sampler, whiten

if TYPE_CHECKING:
    from gjax.freeze._likelihood import Likelihood
    from gjax.freeze._result import FitResult

__all__ = ["require_proper", "restored_fit", "sample_posterior", "whitening_of"]

#: Draws per compiled call: one program for any number of samples, progress and interruption in between.
BLOCK = 100


def require_proper(likelihood: Likelihood) -> None:
    """Raise `FitError`, with their names, if free parameters have no proper prior."""
    table = likelihood.table
    proper = table.has_proper_prior
    improper = [n for n, free, is_proper in zip(table.names, table.free, proper) if free and not is_proper]
    if improper:
        raise FitError(f"sampling needs a proper prior on every free parameter; without one are: {', '.join(improper)}")


def whitening_of(likelihood: Likelihood, result: FitResult) -> Whitening:
    """Return the map from the sampler's coordinates: the fit says where, the likelihood what.

    Priors, bounds and frozen values are those of the likelihood.

    Parameters
    ----------
    likelihood
        What will be sampled.
    result
        A fit with the same free parameters.

    Raises
    ------
    FitError
        If the fit has no covariance, or the likelihood is not finite there.
    """
    if result.free_names != likelihood.free_names:
        raise ValueError(f"the fit given has other free parameters: {', '.join(result.free_names)}")
    ratio = np.ones(len(result.x))
    ratio[: result.n_free] = result.likelihood.scale / likelihood.scale
    covariance = result.x_covariance * np.outer(ratio, ratio)
    whitening = whiten(likelihood.problem, jax.device_put(result.x * ratio), jax.device_put(covariance))
    if not bool(jnp.all(jnp.isfinite(whitening.root))):
        raise FitError(f"the fit gave no covariance to sample from: {result.message}")
    return whitening


def _statistic_at(likelihood: Likelihood, whitening: Whitening) -> float:
    value = float(compiled.compiled_centre(likelihood.problem, whitening))
    if not np.isfinite(value):
        values = dict(zip(likelihood.table.names, likelihood.table.values))
        raise FitError(f"the likelihood is not finite at the best fit that sampling starts from; values were {values}")
    return value


def restored_fit(likelihood: Likelihood, path: Any, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> FitResult:
    """Return the fit of a file of samples.

    Parameters
    ----------
    likelihood
        What was sampled.
    path
        The file, for messages.
    header, arrays
        Its content.

    Raises
    ------
    FitError
        If the likelihood has other free parameters.
    """
    from gjax.freeze._result import FitResult

    if header["names"] != likelihood.free_names or len(arrays["theta"]) != likelihood.table.size:
        raise FitError(f"{path}: samples are of {', '.join(header['names'])}; free are {likelihood.free_names}")
    errors = np.sqrt(np.maximum(np.diag(arrays["covariance"]), 0.0))
    models = likelihood.models.replace_parameters(likelihood.table.with_values(arrays["theta"], errors))
    fitted = likelihood.with_models(models)
    x, free = np.asarray(fitted.start), np.flatnonzero(arrays["free"])
    covariance = np.zeros((len(x), len(x)))
    n = len(free)
    covariance[:n, :n] = arrays["covariance"][np.ix_(free, free)] / np.outer(fitted.scale, fitted.scale)
    return FitResult(fitted, x=x, x_covariance=covariance, **header["fit"])


def _begin(likelihood: Likelihood, key: Any, result: FitResult, options: dict[str, Any]) -> tuple[Chains, Any]:
    """Return empty chains and the first state of the sampler."""
    whitening = whitening_of(likelihood, result)
    statistic = _statistic_at(likelihood, whitening)
    start, _ = make_sampler(options["n_warmup"], options["target_accept"], 10)
    n_chains, k = options["n_chains"], len(result.x)
    state = start(jax.random.split(key, n_chains), likelihood.problem, whitening)
    none = np.zeros((n_chains, 0))
    chains = Chains(
        x=np.zeros((n_chains, 0, k)),
        diverging=none.astype(bool),
        n_steps=none.astype(int),
        accept=none,
        potential=none,
        state={},
        centre=np.asarray(whitening.centre),
        root=np.asarray(whitening.root),
        n_warmup=options["n_warmup"],
        target_accept=options["target_accept"],
        done=0,
        statistic=statistic,
    )
    return chains, state


def _go_on(likelihood: Likelihood, chains: Chains) -> Any:
    """Return the state of the sampler where chains stopped."""
    problem = likelihood.problem
    if chains.centre.shape != problem.index.shape:
        raise FitError("the chains cannot go on: they are of a likelihood with other free parameters")
    whitening = Whitening(*jax.device_put((chains.centre, chains.root)))
    statistic = _statistic_at(likelihood, whitening)
    if not np.isclose(statistic, chains.statistic, rtol=1e-9, atol=1e-6):
        raise FitError(
            "the chains cannot go on: they are of another likelihood "
            f"(statistic {chains.statistic:.6f} at their centre, this one has {statistic:.6f})"
        )
    start, _ = make_sampler(chains.n_warmup, chains.target_accept, 10)
    first = chains.state
    kind = next((name.split("key:")[1] for name in first if "key:" in name), None)
    keys = jax.random.key(0, impl=kind) if kind else jax.random.PRNGKey(0)
    like = jax.eval_shape(start, jax.random.split(keys, chains.x.shape[0]), problem, whitening)
    return load_state(like, first)


def sample_posterior(
    likelihood: Likelihood,
    key: Any,
    *,
    n_samples: int = 1000,
    n_warmup: int = 300,
    n_chains: int = 4,
    target_accept: float = 0.8,
    result: FitResult | None = None,
    resume: Any = None,
    path: Any = None,
    progress: bool = True,
) -> Posterior:
    """Sample the posterior of a likelihood; see `Likelihood.sample`."""
    require_proper(likelihood)
    if min(n_samples, n_warmup, n_chains) < 1:
        raise ValueError("n_samples, n_warmup and n_chains must be at least 1")
    if resume is not None:
        before = resume if isinstance(resume, Posterior) else Posterior.read(resume, likelihood)
        if before.chains is None:
            raise ValueError("resume: these samples come without their chains")
        if list(before.samples) != likelihood.free_names:
            raise FitError(f"the chains cannot go on: they are of {', '.join(before.samples)}")
        result = likelihood.fit() if before.result is None else before.result
        chains = before.chains
        state = _go_on(likelihood, chains)
    else:
        result = likelihood.fit() if result is None else result
        rounded = BLOCK * -(-n_warmup // BLOCK)
        options = {"n_warmup": rounded, "n_chains": n_chains, "target_accept": target_accept}
        chains, state = _begin(likelihood, key, result, options)
    _, draw = make_sampler(chains.n_warmup, chains.target_accept, 10)
    whitening = Whitening(*jax.device_put((chains.centre, chains.root)))
    total, done, parts, complete = chains.n_warmup + n_samples, chains.done, [], True
    with tqdm(
        total=total, initial=min(done, total), desc="NUTS", unit="draw", disable=None if progress else True
    ) as bar:
        try:
            while done < total:
                after, drawn = jax.block_until_ready(draw(state, likelihood.problem, whitening, BLOCK))
                if done >= chains.n_warmup:
                    parts.append(jax.device_get(drawn))
                state, done = after, done + BLOCK
                bar.update(min(BLOCK, total + BLOCK - done))
                if path is not None and done >= chains.n_warmup:
                    _posterior(likelihood, result, chains.extended(parts, plain_state(state), done), n_samples).save(
                        path
                    )
        except KeyboardInterrupt:
            complete = False
    chains = chains.extended(parts, plain_state(state), done)
    if not chains.x.shape[1]:
        raise KeyboardInterrupt("sampling was interrupted before the first draw after the warm-up")
    posterior = _posterior(likelihood, result, chains, n_samples, complete)
    if path is not None:
        posterior.save(path)
    return posterior


def _posterior(
    likelihood: Likelihood, result: FitResult, chains: Chains, n_samples: int, complete: bool | None = None
) -> Posterior:
    kept = chains.x[:, :n_samples]
    samples, units = named_samples(likelihood, kept)
    n = kept.shape[1]
    is_whole = n == n_samples if complete is None else complete
    sums = int(chains.diverging[:, :n].sum()), int(chains.n_steps[:, :n].sum())
    return Posterior(samples, units, *sums, result, is_whole, chains, likelihood)
