"""Information matrices on the host: inverse, profiled part, positive part."""

from __future__ import annotations

import numpy as np

__all__ = ["covariance_of", "positive_part", "profiled_information", "profiled_step", "tied_parameters"]

#: Smallest eigenvalue of a correlation matrix of information that is told from zero.
SMALLEST = 1e-13


def positive_part(matrix: np.ndarray) -> np.ndarray:
    """Return a symmetric matrix without its negative eigenvalues.

    Priors whose density falls slower than a Gaussian (log-uniform ones) have such: they tell nothing.

    Examples
    --------
    >>> positive_part(np.diag([2.0, -1.0])).tolist()
    [[2.0, 0.0], [0.0, 0.0]]
    """
    if not np.any(matrix):
        return matrix
    width = np.sqrt(np.abs(np.diag(matrix)))
    width = np.where(width > 0, width, 1.0)
    values, vectors = np.linalg.eigh(matrix / np.outer(width, width))
    return (vectors * np.maximum(values, 0.0)) @ vectors.T * np.outer(width, width)


def _whitened(information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    width = np.sqrt(np.diag(information))
    return information / np.outer(width, width), width


def covariance_of(information: np.ndarray) -> np.ndarray:
    """Return the inverse of an information matrix.

    A parameter without information has variance NaN and does not spoil the others; all is NaN where parameters cannot
    be told apart.

    Examples
    --------
    >>> covariance_of(np.diag([4.0, 0.0])).tolist()
    [[0.25, 0.0], [0.0, nan]]
    """
    known = np.diag(information) > 0
    out = np.diag(np.where(known, 0.0, np.nan))
    if not known.any():
        return out
    whitened, width = _whitened(information[np.ix_(known, known)])
    values, vectors = np.linalg.eigh(whitened)
    inverse = (vectors / np.where(values[0] > SMALLEST, values, np.nan)) @ vectors.T
    out[np.ix_(known, known)] = inverse / np.outer(width, width)
    return out


def profiled_information(information: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    r"""Return the information on some parameters with all others profiled out (Schur complement).

    .. math:: F_{ii} - F_{in} F_{nn}^{-1} F_{ni}

    Parameters
    ----------
    information
        Of all parameters, shape (k, k).
    wanted
        Positions of those of interest.

    Examples
    --------
    >>> profiled_information(np.array([[2.0, 1.0], [1.0, 1.0]]), np.array([0])).tolist()
    [[1.0]]
    """
    others = np.setdiff1d(np.flatnonzero(np.diag(information) > 0), wanted)
    part = information[np.ix_(wanted, wanted)]
    if not len(others):
        return part
    between = information[np.ix_(wanted, others)]
    return part - between @ covariance_of(information[np.ix_(others, others)]) @ between.T


def profiled_step(information: np.ndarray, i: int, size: int) -> np.ndarray:
    """Return the step of all parameters that belongs to a step of one by 1, in a vector of ``size`` numbers.

    Examples
    --------
    >>> profiled_step(np.array([[2.0, 1.0], [1.0, 1.0]]), 0, 3).round(6).tolist()
    [1.0, -1.0, 0.0]
    """
    covariance = covariance_of(information)
    step = np.zeros(size)
    step[: len(covariance)] = np.nan_to_num(covariance[i]) / covariance[i, i]
    return step


def tied_parameters(information: np.ndarray, names: list[str]) -> list[str]:
    """Return the parameters that the data cannot tell apart: with correlations nearer to one than 1e-8.

    Examples
    --------
    >>> tied_parameters(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 3.0]]), ["a", "b", "c"])
    ['a', 'b']
    """
    known = np.diag(information) > 0
    if not known.any():
        return []
    values, vectors = np.linalg.eigh(_whitened(information[np.ix_(known, known)])[0])
    here = [name for name, is_known in zip(names, known) if is_known]
    return [name for name, part in zip(here, vectors[:, 0]) if abs(part) > 0.2] if values[0] < 1e-8 else []
