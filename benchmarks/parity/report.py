"""Rows of a comparison: ours, reference, difference, allowed, and whether that is in order."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["Report", "Row"]


@dataclasses.dataclass(frozen=True)
class Row:
    """One quantity compared.

    Parameters
    ----------
    quantity
        What was compared.
    ours, reference
        Both numbers; of an array, those of its worst element.
    difference, allowed
        The difference and the largest one allowed, both in ``measure``.
    measure
        "exact", "abs", "rel", "sigma" (errors of the reference) or "max" (an upper limit on ours).
    note
        What a reader must know, for instance a defect of the reference.
    deviation
        Why the difference may be larger than allowed, of a deviation that is intended and explained.
    limit
        How large the deviation explains it to be, in ``measure``.
    """

    quantity: str
    ours: float
    reference: float
    difference: float
    allowed: float
    measure: str
    note: str = ""
    deviation: str = ""
    limit: float = 0.0

    @property
    def deviates(self) -> bool:
        """True if the difference is larger than allowed, but an intended deviation explains it."""
        return bool(self.deviation) and self.allowed < self.difference <= self.limit

    @property
    def ok(self) -> bool:
        """True if the difference is within what is allowed, or explained."""
        return bool(self.difference <= self.allowed) or self.deviates

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; numbers that JSON does not know become None."""
        data = {**dataclasses.asdict(self), "ok": self.ok, "deviates": self.deviates}
        return {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in data.items()}


def as_array(values: Any) -> np.ndarray:
    """Return an array of floats in which None is NaN."""
    return np.asarray(values, dtype=float).ravel()


class Report:
    """Collects the rows of a case.

    Parameters
    ----------
    case
        Name of the case.

    Examples
    --------
    >>> report = Report("example")
    >>> report.relative("exposure", [1.0, 2.0], [1.0, 2.001], 1e-3)
    >>> report.exact("counts", [3, 4], [3, 5])
    >>> [row.ok for row in report.rows], report.ok
    ([True, False], False)
    """

    def __init__(self, case: str) -> None:
        self.case = case
        self.rows: list[Row] = []
        self.info: dict[str, Any] = {}

    @property
    def ok(self) -> bool:
        """True if something was compared and every row is in order."""
        return bool(self.rows) and all(row.ok for row in self.rows)

    def _add(self, name: str, ours: Any, reference: Any, unit: Any, allowed: float, measure: str, note: str) -> None:
        mine, theirs = as_array(ours), as_array(reference)
        if mine.shape != theirs.shape or not mine.size:
            text = f"{mine.size} values, the reference has {theirs.size}"
            self.rows.append(Row(name, math.nan, math.nan, math.inf, allowed, measure, f"{text}. {note}".strip()))
            return
        unit = np.broadcast_to(as_array(unit), mine.shape) if np.ndim(unit) else np.full(mine.shape, float(unit))
        difference = np.abs(mine - theirs)
        with np.errstate(invalid="ignore", divide="ignore"):
            difference = np.where(difference == 0, 0.0, difference / unit)
        both_missing = np.isnan(mine) & np.isnan(theirs)
        difference = np.where(both_missing, 0.0, np.where(np.isnan(difference), np.inf, difference))
        worst = int(np.argmax(difference))
        if mine.size > 1:
            note = f"worst of {mine.size}, at {worst}. {note}".strip()
        numbers = float(mine[worst]), float(theirs[worst]), float(difference[worst])
        self.rows.append(Row(name, *numbers, float(allowed), measure, note))

    def exact(self, name: str, ours: Any, reference: Any, note: str = "") -> None:
        """Compare numbers that must be equal."""
        self._add(name, ours, reference, 1.0, 0.0, "exact", note)

    def absolute(self, name: str, ours: Any, reference: Any, allowed: float, note: str = "") -> None:
        """Compare numbers whose absolute difference is limited."""
        self._add(name, ours, reference, 1.0, allowed, "abs", note)

    def relative(self, name: str, ours: Any, reference: Any, allowed: float, note: str = "") -> None:
        """Compare numbers whose relative difference is limited; zero must meet zero."""
        self._add(name, ours, reference, np.abs(as_array(reference)), allowed, "rel", note)

    def sigmas(self, name: str, ours: Any, reference: Any, sigma: Any, allowed: float, note: str = "") -> None:
        """Compare numbers whose difference is limited in units of the reference's error."""
        self._add(name, ours, reference, sigma, allowed, "sigma", note)

    def at_most(self, name: str, ours: float, limit: float, note: str = "") -> None:
        """Check that a number of ours is not above a limit (NaN is)."""
        value = float(ours)
        self.rows.append(Row(name, value, float(limit), math.inf if math.isnan(value) else value, limit, "max", note))

    def truth(self, name: str, ours: bool, note: str = "") -> None:
        """Check a statement that must be true."""
        self.exact(name, float(bool(ours)), 1.0, note)

    def explain(self, reason: str, limit: float) -> None:
        """Say that the last row may deviate, why, and by how much (in its measure)."""
        self.rows[-1] = dataclasses.replace(self.rows[-1], deviation=reason, limit=float(limit))

    def fit(
        self,
        name: str,
        result: Any,
        best: Sequence[Sequence[Any]],
        *,
        values: float = 0.03,
        errors: float = 0.02,
        source: str = "",
        note: str = "",
    ) -> None:
        """Compare a fit with rows ``(parameter, value, error, ...)`` of the reference.

        Parameters
        ----------
        name
            Prefix of the quantities.
        result
            A `FitResult`.
        best
            The reference.
        values
            Largest difference of the best fit [errors of the reference].
        errors
            Largest relative difference of the errors.
        source
            Prefix of parameter names, for instance ``"crab.spectral."``.
        note
            Note of all rows.
        """
        self.truth(f"{name}: converged", result.success, result.message if not result.success else "")
        for parameter, value, error, *_ in best:
            ours, our_error = result[source + parameter]
            self.sigmas(f"{name}: {parameter}", ours, value, error, values, note)
            self.relative(f"{name}: error of {parameter}", our_error, error, errors, note)

    def format(self, *, only_bad: bool = False) -> str:
        """Return the table as text."""
        rows = [row for row in self.rows if not (only_bad and row.ok)]
        width = max([len(row.quantity) for row in rows], default=8)
        head = f"{'quantity':<{width}}  {'ours':>14} {'reference':>14} {'difference':>16} {'allowed':>14}  ok"
        lines = [f"== {self.case}", head, "-" * len(head)]
        for row in rows:
            difference, allowed = f"{row.difference:.3g} {row.measure}", f"{row.allowed:.3g} {row.measure}"
            numbers = f"{row.ours:>14.8g} {row.reference:>14.8g} {difference:>16} {allowed:>14}"
            note = f"  ({row.note})" if row.note else ""
            word = "deviates" if row.deviates else "yes" if row.ok else "NO "
            lines.append(f"{row.quantity:<{width}}  {numbers}  {word}{note}")
        bad = sum(not row.ok for row in self.rows)
        deviations = [row for row in self.rows if row.deviates]
        reasons = dict.fromkeys(row.deviation for row in deviations)
        lines += [f"deviation: {reason}" for reason in reasons]
        count = f", {len(deviations)} deviate as intended" if deviations else ""
        return "\n".join([*lines, f"{self.case}: {len(self.rows)} quantities, {bad} out{count}"])

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {"case": self.case, "ok": self.ok, "info": self.info, "rows": [row.to_dict() for row in self.rows]}
