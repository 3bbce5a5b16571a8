"""Which parameters the data cannot tell, or tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from gjax.likelihood import Arrow, Columns

__all__ = ["degenerate", "fisher_diagonal"]

#: Eigenvalue of the whitened Fisher matrix below which a direction is not determined: fixing the other parameters
#: would shrink an error by more than a factor 1e4, i.e. correlations are nearer to one than this.
_FLAT = 1e-8


def fisher_diagonal(columns: Columns, fisher: Any) -> np.ndarray:
    """Return the diagonal of a Fisher matrix of the free vector, on the host."""
    if not isinstance(fisher, Arrow):
        return np.diag(np.asarray(fisher)).copy()
    out = np.zeros(columns.directions.shape[1] + 1)
    np.add.at(out, np.asarray(columns.shared), np.diag(np.asarray(fisher.shared)))
    for at, block in zip(columns.local or (), fisher.local):
        np.add.at(out, np.asarray(at), np.einsum("dll->dl", np.asarray(block)))
    return out[:-1]


def degenerate(columns: Columns, fisher: Any, names: list[str]) -> list[str]:
    """Return the parameters that make the worst determined direction, if the data do not determine it; four at most.

    Parameters
    ----------
    columns
        Which parameters are whose.
    fisher
        A multiple of the Fisher matrix of the free vector, priors included.
    names
        Names of the free parameters.
    """
    n = len(names)
    diagonal = fisher_diagonal(columns, fisher)
    width = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    flat = _flat_of_arrow if isinstance(fisher, Arrow) else _flat_of_dense
    if not names or not np.all(np.isfinite(width)):
        return []
    direction = flat(columns, fisher, width, n)
    if direction is None:
        return []
    size = np.abs(direction)
    most = [i for i in np.argsort(-size, kind="stable") if size[i] > 0.1 * size.max()]
    listed = [names[i] for i in sorted(most[:4])]
    return listed if len(most) <= 4 else [*listed, f"{len(most) - 4} others"]


def _with_identity(whitened: np.ndarray) -> np.ndarray:
    """Put 1 on the diagonal, or the diagonals, of whitened matrices: their rows may be empty."""
    size = whitened.shape[-1]
    whitened[..., np.arange(size), np.arange(size)] = 1.0
    return whitened


def _flat_of_dense(columns: Columns, fisher: Any, width: np.ndarray, n: int) -> np.ndarray | None:
    whitened = _with_identity(np.asarray(fisher)[:n, :n] / np.outer(width[:n], width[:n]))
    if not np.all(np.isfinite(whitened)):
        return None
    values, vectors = np.linalg.eigh(whitened)
    return vectors[:, 0] if values[0] < _FLAT else None


def _flat_of_arrow(columns: Columns, fisher: Arrow, width: np.ndarray, n: int) -> np.ndarray | None:
    padded = np.append(width, 1.0)
    shared = np.asarray(columns.shared)
    by = padded[shared]
    complement = _with_identity(np.asarray(fisher.shared) / np.outer(by, by))
    follow = []
    for at, own, cross in zip(columns.local or (), fisher.local, fisher.cross):
        place = np.asarray(at)
        scale = padded[place]
        block = _with_identity(np.asarray(own) / (scale[:, :, None] * scale[:, None, :]))
        between = np.asarray(cross) / (scale[:, :, None] * by)
        if not (np.all(np.isfinite(block)) and np.all(np.isfinite(between))):
            return None
        values, vectors = np.linalg.eigh(block)
        worst = int(values[:, 0].argmin())
        if values[worst, 0] < _FLAT:
            direction = np.zeros(len(padded))
            direction[place[worst]] = vectors[worst, :, 0]
            return direction[:n]
        half = np.linalg.solve(block, between)
        complement -= np.einsum("dlg,dlh->gh", between, half)
        follow.append((place, half))
    if not np.all(np.isfinite(complement)):
        return None
    values, vectors = np.linalg.eigh(complement)
    if values[0] >= _FLAT:
        return None
    direction = np.zeros(len(padded))
    direction[shared] = vectors[:, 0]
    for place, half in follow:
        direction[place] = -half @ vectors[:, 0]
    return direction[:n]
