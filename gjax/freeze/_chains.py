"""Chains as arrays: what sampling goes on from, on disk and in memory."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gjax.errors import FitError

__all__ = ["Chains", "load_state", "plain_state", "read_arrays", "write_arrays"]

_KEY = "key:"


@dataclasses.dataclass(frozen=True)
class Chains:
    """All that was drawn, and where the chains are.

    Parameters
    ----------
    x
        Free vectors, shape (chains, draws, k); draws come in blocks, so there may be more than were asked for.
    diverging, n_steps, accept, potential
        Of every draw, shape (chains, draws).
    state
        Arrays that the sampler goes on from, after the last block.
    centre, root
        The whitening.
    n_warmup, target_accept
        Options of the run.
    done
        Transitions so far, warm-up included.
    statistic
        Of the likelihood at the centre: chains go on with the same likelihood only.
    """

    x: np.ndarray
    diverging: np.ndarray
    n_steps: np.ndarray
    accept: np.ndarray
    potential: np.ndarray
    state: dict[str, np.ndarray]
    centre: np.ndarray
    root: np.ndarray
    n_warmup: int
    target_accept: float
    done: int
    statistic: float

    def extended(self, parts: list[Any], state: dict[str, np.ndarray], done: int) -> Chains:
        """Return the chains with more draws.

        Parameters
        ----------
        parts
            Blocks of x, diverging, n_steps, accept and potential.
        state
            Where the sampler is after them.
        done
            Transitions so far.
        """
        names = ("x", "diverging", "n_steps", "accept", "potential")
        more: dict[str, Any] = {
            name: np.concatenate([getattr(self, name), *(np.asarray(part[i]) for part in parts)], axis=1)
            for i, name in enumerate(names)
        }
        return dataclasses.replace(self, **more, state=state, done=done)


def plain_state(state: Any) -> dict[str, np.ndarray]:
    """Return the leaves of a sampler's state as plain arrays; names tell the order, and which are random keys."""
    out = {}
    for number, leaf in enumerate(jax.tree_util.tree_leaves(state)):
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            out[f"{number}:{_KEY}{jax.random.key_impl(leaf)}"] = np.asarray(jax.random.key_data(leaf))
        else:
            out[f"{number}:"] = np.asarray(leaf)
    return out


def load_state(like: Any, plain: dict[str, Any]) -> Any:
    """Return a sampler's state from plain arrays.

    Parameters
    ----------
    like
        A state of the same structure (shapes will do).
    plain
        From `plain_state`.

    Raises
    ------
    FitError
        If the arrays are those of another sampler.
    """
    leaves, structure = jax.tree_util.tree_flatten(like)
    ordered = sorted(plain.items(), key=lambda item: int(item[0].split(":")[0]))
    made: list[Any] = []
    for name, values in ordered:
        kind = name.split(":", 1)[1]
        made.append(jax.random.wrap_key_data(values, impl=kind.removeprefix(_KEY)) if kind else jax.device_put(values))
    if [(leaf.shape, leaf.dtype) for leaf in made] != [(leaf.shape, leaf.dtype) for leaf in leaves]:
        raise FitError(
            "the chains cannot go on: they are of another likelihood, number of chains, precision or version"
        )
    return jax.tree_util.tree_unflatten(structure, made)


def write_arrays(path: Any, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write arrays and plain data to an npz file: under a temporary name first, so that no half a file is left.

    Parameters
    ----------
    path
        The file; one that exists is replaced.
    header
        Data that JSON knows.
    arrays
        Arrays of numbers.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            np.savez_compressed(file, header=np.array(json.dumps(header)), **arrays)  # type: ignore[arg-type]
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def read_arrays(path: Any, what: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return header and arrays of a file of `write_arrays`.

    Parameters
    ----------
    path
        The file.
    what
        The kind of file expected, as its header says.

    Raises
    ------
    FitError
        If it is no such file, or broken.
    """
    try:
        with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(str(arrays.pop("header")))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise FitError(f"{path}: expected a file of {what}, found none that can be read ({error})") from error
    if not isinstance(header, dict) or header.get("what") != what:
        raise FitError(f"{path}: expected a file of {what}, found {header.get('what')!r}")
    return header, arrays
