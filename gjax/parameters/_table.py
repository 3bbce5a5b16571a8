"""The crossing from declared parameters to one flat vector, and the way back.

`freeze_tree` walks a tree of models once, gives every distinct `Parameter` a slice of one vector and puts an
index in its place. The index is an *array leaf*, not structure: which parameters are linked, and how, is data as
long as their number stays; fixing one is data always; and models of one kind can be stacked for ``vmap``.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import math
from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.parameters._parameter import Affine, Expression, Parameter

__all__ = [
    "FrozenTable",
    "ParameterTable",
    "Slot",
    "changing",
    "fill",
    "freeze_tree",
    "parameter_paths",
    "replace_parameters",
    "tabulate",
]


class Slot(eqx.Module):
    """Where a parameter sits in the flat vector: its value is ``factor * theta[index] + offset``."""

    index: Any
    factor: Any
    offset: Any
    constant: bool = eqx.field(static=True, default=False)


class ExpressionSlot(eqx.Module):
    """A parameter computed from others."""

    function: Any = eqx.field(static=True)
    slots: tuple[Slot, ...]


def _is_declared(node: Any) -> bool:
    return isinstance(node, Parameter | Affine | Expression)


def _is_slot(node: Any) -> bool:
    return isinstance(node, Slot | ExpressionSlot)


def fill(skeleton: Any, theta: Array) -> Any:
    """Put values back: the model tree with arrays where the parameters were."""
    nodes, structure = jax.tree_util.tree_flatten(skeleton, is_leaf=_is_slot)
    slots = [slot for node in nodes if _is_slot(node) for slot in _slots_of(node)]
    if not slots:
        return skeleton
    # all in one go: every look-up by itself is some kernels more to compile, and again for each derivative
    index, factor, offset = (
        jnp.concatenate([jnp.broadcast_to(part, jnp.shape(slot.index)).reshape(-1) for slot, part in zip(slots, parts)])
        for parts in zip(*((slot.index, slot.factor, slot.offset) for slot in slots))
    )
    flat = factor * theta[index] + offset
    ends = np.cumsum([0, *(jnp.size(slot.index) for slot in slots)])
    values = iter(
        _held(flat[start:end].reshape(jnp.shape(slot.index)), slot) for slot, start, end in zip(slots, ends, ends[1:])
    )
    found = [_put(node, [next(values) for _ in _slots_of(node)]) if _is_slot(node) else node for node in nodes]
    return jax.tree_util.tree_unflatten(structure, found)


def _slots_of(node: Slot | ExpressionSlot) -> tuple[Slot, ...]:
    return node.slots if isinstance(node, ExpressionSlot) else (node,)


def _held(value: Array, slot: Slot) -> Array:
    return jax.lax.stop_gradient(value) if slot.constant else value


def _put(node: Slot | ExpressionSlot, values: list[Array]) -> Any:
    return node.function(*values) if isinstance(node, ExpressionSlot) else values[0]


def changing(skeleton: Any) -> Any:
    """Return the tree with True in place of parameters that a fit may change, and False for all other leaves.

    Parameters
    ----------
    skeleton
        Tree with slots in place of parameters.
    """
    return jax.tree_util.tree_map(
        lambda node: _is_slot(node) and not getattr(node, "constant", False), skeleton, is_leaf=_is_slot
    )


def _path_text(path: tuple[Any, ...]) -> str:
    words = []
    for key in path:
        word = getattr(key, "name", None) or getattr(key, "key", None)
        words.append(str(key.idx) if word is None else str(word).removesuffix("_model"))
    return ".".join(words)


def parameter_paths(tree: Any, name: str = "") -> list[tuple[str, Parameter | Affine | Expression]]:
    """Return ``(path, parameter)`` for every parameter field, in the order of the tree.

    Examples
    --------
    >>> parameter_paths({"crab": Parameter(2.0)})[0][0]
    'crab'
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf=_is_declared)
    prefix = f"{name}." if name else ""
    return [(prefix + _path_text(path), leaf) for path, leaf in leaves if _is_declared(leaf)]


def replace_parameters(tree: Any, changes: dict[int, Parameter]) -> Any:
    """Return the tree with parameters exchanged by identity (``id(old) -> new``); links follow.

    Raises
    ------
    TypeError
        If the source of an `Expression` would become a link.
    """

    def exchange(leaf: Any) -> Any:
        if isinstance(leaf, Affine):
            return dataclasses.replace(leaf, source=changes.get(id(leaf.source), leaf.source))
        if isinstance(leaf, Expression):
            return dataclasses.replace(leaf, sources=tuple(changes.get(id(source), source) for source in leaf.sources))
        return changes.get(id(leaf), leaf)

    return jax.tree_util.tree_map(exchange, tree, is_leaf=_is_declared)


class FrozenTable(eqx.Module):
    """The parameters as arrays of one length n: what the compiled functions see.

    Parameters
    ----------
    value, lower, upper, scale
        Values, limits and step sizes, shape (n,).
    prior_kind, prior_rows
        Codes and numbers of the priors; None where no parameter has one, which makes a first fit compile faster.
    joint
        Priors on several parameters together; None where there are none.
    """

    value: Array
    lower: Array
    upper: Array
    scale: Array
    prior_kind: Array | None
    prior_rows: Array | None
    joint: Any = None


@dataclasses.dataclass(frozen=True)
class ParameterTable:
    """The distinct parameters of a tree of models in the order of the flat vector.

    Parameters
    ----------
    parameters
        The parameter objects.
    paths
        Name of each: the path of its first use.
    joint
        Priors on several parameters together, with index slots; see `JointTerm`.
    """

    parameters: tuple[Parameter, ...]
    paths: tuple[str, ...]
    joint: tuple[Any, ...] = ()

    @functools.cached_property
    def offsets(self) -> list[int]:
        """Where each parameter's slice begins."""
        return [0, *np.cumsum([p.size for p in self.parameters])[:-1].tolist()] if self.parameters else []

    @functools.cached_property
    def size(self) -> int:
        """Length of the flat vector."""
        return sum(p.size for p in self.parameters)

    @functools.cached_property
    def names(self) -> list[str]:
        """Name of every entry of the flat vector."""
        return [path + suffix for path, p in zip(self.paths, self.parameters) for suffix in p.entries()]

    @property
    def units(self) -> list[str]:
        """Unit of every entry."""
        return [p.unit for p in self.parameters for _ in range(p.size)]

    @property
    def priors(self) -> list[Any]:
        """Prior of every entry (None where there is none)."""
        return [p.prior for p in self.parameters for _ in range(p.size)]

    @property
    def has_proper_prior(self) -> np.ndarray:
        """Whether every entry has a normalised prior, by itself or together with others."""
        out = np.array([prior is not None for prior in self.priors], dtype=bool)
        for term in self.joint:
            if term.skeleton.is_normalised:
                out[np.setdiff1d(term.entries, term.hyper)] = True
        return out

    def _spread(self, get: Any) -> np.ndarray:
        if self.size == len(self.parameters):
            parts = [float(get(p)) if np.ndim(p.value) == 0 else np.asarray(get(p)).item() for p in self.parameters]
            flat = np.array(parts, dtype=float)
        else:
            flat = np.concatenate(
                [np.broadcast_to(np.asarray(get(p), dtype=float), p.shape).ravel() for p in self.parameters]
            )
        flat.setflags(write=False)
        return flat

    @functools.cached_property
    def values(self) -> np.ndarray:
        """The flat vector."""
        return self._spread(lambda p: p.value)

    @functools.cached_property
    def origins(self) -> np.ndarray:
        """What compiled functions count every entry from, see `Parameter`: zeros, but for dates."""
        return self._spread(lambda p: p.origin)

    @functools.cached_property
    def counted(self) -> np.ndarray:
        """The flat vector of compiled functions: the values, counted from their origins."""
        return self.values - self.origins

    @functools.cached_property
    def errors(self) -> np.ndarray:
        """Standard deviations known so far."""
        return self._spread(lambda p: p.error)

    @functools.cached_property
    def free(self) -> np.ndarray:
        """Which entries a fit may change."""
        return self._spread(lambda p: not p.frozen) > 0

    @functools.cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper limits: the parameter's own, cut to the support of its prior."""
        lower, upper = self._spread(lambda p: p.min), self._spread(lambda p: p.max)
        if any(p.prior is not None for p in self.parameters):
            support = [prior.support() if prior else (-math.inf, math.inf) for prior in self.priors]
            lower = np.maximum(lower, [s[0] for s in support])
            upper = np.minimum(upper, [s[1] for s in support])
        return lower, upper

    @functools.cached_property
    def scales(self) -> np.ndarray:
        """Step size of every entry: as declared, else the power of ten of the value or its error, else 1."""
        size = np.fmax(np.abs(self.counted), self.errors)
        good = np.isfinite(size) & (size > 0)
        power = np.where(good, 10.0 ** np.floor(np.log10(np.where(good, size, 1.0))), 1.0)
        declared = self._spread(lambda p: math.nan if p.scale is None else p.scale)
        return np.where(np.isnan(declared), power, declared)

    def find(self, pattern: str) -> list[int]:
        """Return the entries whose name is, ends with, or matches (``*``, ``?``) the pattern.

        The name of an array parameter without its brackets stands for all of its entries.

        Raises
        ------
        KeyError
            If nothing matches; the message lists the names.
        """
        names = self.names
        both = list(zip(names, [path for path, p in zip(self.paths, self.parameters) for _ in range(p.size)]))
        glob = pattern.replace("[", "[[]")
        hits = [i for i, pair in enumerate(both) if pattern in pair]
        if not hits:
            hits = [i for i, pair in enumerate(both) if any(name.endswith("." + pattern) for name in pair)]
        if not hits:
            hits = [i for i, pair in enumerate(both) if any(fnmatch.fnmatchcase(name, glob) for name in pair)]
        if not hits:
            raise KeyError(f"no parameter is called {pattern!r}; there are: {', '.join(names) or 'none'}")
        return hits

    def freeze(self) -> FrozenTable:
        """Return the arrays for the compiled functions."""
        kinds: Any = None
        rows: Any = None
        if any(p.prior is not None for p in self.parameters):
            rows = np.array([p.row() if p else (0.0, 1.0, 0.5) for p in self.priors], dtype=float).reshape(-1, 3)
            rows = _counted_priors(rows, self.priors, self.origins)
            kinds = np.array([p.kind if p else 0 for p in self.priors], dtype=np.int32)
        value: Any = self.counted
        lower: Any
        upper: Any
        lower, upper = (bound - self.origins for bound in self.bounds)
        scale: Any = self.scales
        table: FrozenTable = jax.device_put(FrozenTable(value, lower, upper, scale, kinds, rows, self.joint or None))
        return table

    def with_values(self, theta: Any, errors: Any = None) -> dict[int, Parameter]:
        """Return ``id(old) -> new`` parameters that carry the values (and errors) of a flat vector."""
        theta = np.asarray(theta, dtype=float)
        changes = {}
        for offset, old in zip(self.offsets, self.parameters):
            part = slice(offset, offset + old.size)
            fields = {"value": theta[part].reshape(old.shape)}
            if errors is not None:
                error = np.asarray(errors, dtype=float)[part].reshape(old.shape)
                fields["error"] = error if error.ndim else float(error)
            changes[id(old)] = old.replace(**fields)
        return changes


def _counted_priors(rows: np.ndarray, priors: list[Any], origins: np.ndarray) -> np.ndarray:
    """Return the numbers of priors on values that are counted from their origins."""
    if not origins.any():
        return rows
    for row, prior, origin in zip(rows, priors, origins):
        if prior is not None and origin:
            if prior.tag in ("loguniform", "lognormal"):
                raise ValueError(f"{type(prior).__name__}: a date has no logarithm; give another prior")
            row[: 2 if prior.tag == "uniform" else 1] -= origin
    return rows


def freeze_tree(tree: Any, names: Iterable[str] | None = None) -> tuple[Any, ParameterTable]:
    """Replace every parameter of a tree by its place in one flat vector.

    Parameters
    ----------
    tree
        A model or a sequence of models.
    names
        One name per element when the tree is a sequence; parameter names begin with it.

    Returns
    -------
    skeleton
        The same tree with index slots.
    table
        The distinct parameters in order.

    Examples
    --------
    >>> shared = Parameter(2.0)
    >>> skeleton, table = freeze_tree([{"a": shared}, {"a": shared}], names=["x", "y"])
    >>> table.names
    ['x.a']
    """
    table = tabulate(tree, names)
    offset_of = {id(parameter): offset for parameter, offset in zip(table.parameters, table.offsets)}

    def slot(source: Parameter, factor: float = 1.0, offset: float = 0.0) -> Slot:
        index = offset_of[id(source)] + np.arange(source.size, dtype=np.int32).reshape(source.shape)
        dtype = jnp.result_type(float)
        numbers = np.full(source.shape, factor, dtype), np.full(source.shape, offset, dtype)
        return Slot(np.asarray(index), *numbers, source.constant)

    def place(leaf: Any) -> Any:
        if isinstance(leaf, Parameter):
            return slot(leaf)
        if isinstance(leaf, Affine):
            return slot(leaf.source, leaf.factor, leaf.factor * leaf.source.origin + leaf.offset - leaf.origin)
        if isinstance(leaf, Expression):
            return ExpressionSlot(leaf.function, tuple(slot(source, 1.0, source.origin) for source in leaf.sources))
        return leaf

    return jax.tree_util.tree_map(place, tree, is_leaf=_is_declared), table


def tabulate(tree: Any, names: Iterable[str] | None = None) -> ParameterTable:
    """Return the table of the distinct parameters of a tree.

    Parameters
    ----------
    tree, names
        As in `freeze_tree`.
    """
    if names is None:
        found = parameter_paths(tree)
    else:
        found = [item for name, part in zip(names, tree) for item in parameter_paths(part, name)]
    parameters: dict[int, Parameter] = {}
    paths: dict[int, str] = {}
    linked: list[tuple[str, Parameter]] = []
    for path, leaf in found:
        if isinstance(leaf, Parameter):
            parameters.setdefault(id(leaf), leaf)
            paths.setdefault(id(leaf), path)
        else:
            linked += [(path, source) for source in ([leaf.source] if isinstance(leaf, Affine) else leaf.sources)]
    for path, source in linked:
        if id(source) not in parameters:
            name, number = source.label or f"{path}.source", 2
            while name in paths.values():
                name, number = f"{source.label or f'{path}.source'}{number}", number + 1
            parameters[id(source)] = source
            paths[id(source)] = name
    return ParameterTable(tuple(parameters.values()), tuple(paths.values()))
