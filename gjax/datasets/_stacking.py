r"""Stacking of spectra as arithmetic on arrays.

With :math:`m_{ik}` the safe mask of dataset *i* in bin *k*, stacked counts are :math:`\sum_i n_{ik} m_{ik}`, the
stacked exposure is :math:`\sum_i X_i` over datasets with any safe bin, and the stacked response is the average

.. math:: R_{tk} = \sum_i w_{it} R_{itk} m_{ik} / \sum_i w_{it}.

With :math:`w = X` the predicted counts of the stack equal the sum of the predicted counts, for every spectrum.
All functions take arrays with the dataset as first axis.
"""

from __future__ import annotations

import numpy as np

__all__ = ["stack_acceptance", "stack_counts", "stack_exposure", "stack_response"]


def stack_counts(counts: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Sum of counts inside the masks.

    Parameters
    ----------
    counts
        Counts, shape (dataset, energy). Values outside the mask may be anything.
    masks
        Safe masks, same shape.

    Examples
    --------
    >>> stack_counts(np.array([[1, 2], [3, 4]]), np.array([[True, False], [True, True]]))
    array([4., 4.])
    """
    return np.where(masks, np.asarray(counts, dtype=float), 0.0).sum(axis=0)


def stack_exposure(exposures: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Sum of the exposures of datasets that have at least one safe bin.

    Parameters
    ----------
    exposures
        Exposures, shape (dataset, energy_true).
    masks
        Safe masks, shape (dataset, energy).

    Examples
    --------
    >>> stack_exposure(np.array([[1.0], [2.0]]), np.array([[True, False], [False, False]]))
    array([1.])
    """
    used = np.asarray(masks).any(axis=1)
    return np.asarray(exposures, dtype=float)[used].sum(axis=0)


def stack_response(responses: np.ndarray, weights: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Average energy dispersion, weighted by exposure, masked bins counting as blind.

    Parameters
    ----------
    responses
        Redistribution matrices, shape (dataset, energy_true, energy).
    weights
        Exposures, shape (dataset, energy_true).
    masks
        Safe masks, shape (dataset, energy).

    Returns
    -------
    response
        Shape (energy_true, energy); rows without exposure are 0.

    Examples
    --------
    >>> responses = np.array([[[1.0, 0.0]], [[0.5, 0.5]]])
    >>> stack_response(responses, np.array([[1.0], [3.0]]), np.ones((2, 2), dtype=bool))
    array([[0.625, 0.375]])
    """
    masks = np.asarray(masks)
    weights = np.where(np.any(masks, axis=1, keepdims=True), np.asarray(weights, dtype=float), 0.0)
    masked = np.where(masks[:, None, :], np.asarray(responses, dtype=float), 0.0)
    total = weights.sum(axis=0)
    summed = np.einsum("it,itk->tk", weights, masked)
    return np.divide(summed, total[:, None], out=np.zeros_like(summed), where=total[:, None] > 0)


def stack_acceptance(
    acceptances: np.ndarray, acceptances_off: np.ndarray, counts_off: np.ndarray, masks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    r"""On and off acceptance of the stack.

    The off acceptance is chosen so that the background estimate is kept,

    .. math:: a_\mathrm{off} = a \sum_i n_{\mathrm{off},i} / \sum_i \alpha_i n_{\mathrm{off},i};

    bins without off counts use the ratio of these sums over all bins, and if there is no off count at all, the summed
    off acceptances.

    Parameters
    ----------
    acceptances, acceptances_off, counts_off
        Acceptances and off counts, shape (dataset, energy).
    masks
        Safe masks, same shape. Inside the mask an off acceptance of 0 next to a positive acceptance gives NaN.

    Examples
    --------
    >>> one = np.ones((2, 1))
    >>> on, off = stack_acceptance(one, np.array([[2.0], [4.0]]), np.array([[4.0], [4.0]]), one.astype(bool))
    >>> print(on, off.round(3))
    [2.] [5.333]
    """
    on = np.where(masks, np.asarray(acceptances, dtype=float), 0.0)
    off = np.where(masks, np.asarray(acceptances_off, dtype=float), 0.0)
    n_off = np.where(masks, np.asarray(counts_off, dtype=float), 0.0)
    total_on, total_n_off = on.sum(axis=0), n_off.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = np.where(on == 0, 0.0, on / off)
        background = np.where(n_off == 0, 0.0, alpha * n_off).sum(axis=0)
        total_off = total_on * total_n_off / background
        mean_alpha = background.sum() / total_n_off.sum()
        fallback = total_on / mean_alpha if total_n_off.sum() > 0 else off.sum(axis=0)
    total_off = np.where(total_n_off == 0, fallback, total_off)
    return total_on, np.where(np.isfinite(total_off) | (total_on > 0), total_off, 0.0)
