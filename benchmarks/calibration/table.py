"""Rows of a calibration: found, expected, and the band that chance allows."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy.stats import binom, norm

__all__ = ["Row", "Table"]

#: Two-sided probability that a row is out by chance.
ALPHA = 2e-4


@dataclasses.dataclass(frozen=True)
class Row:
    """One quantity.

    Parameters
    ----------
    quantity
        What was counted.
    found, expected
        The number found, and the one that a perfect method has.
    low, high
        Band that it should lie in.
    note
        What a reader must know.
    """

    quantity: str
    found: float
    expected: float
    low: float
    high: float
    note: str = ""

    @property
    def ok(self) -> bool:
        """True inside of the band."""
        return bool(self.low <= self.found <= self.high)


class Table:
    """Collects the rows of a case.

    Parameters
    ----------
    case
        Name of the case.

    Examples
    --------
    >>> table = Table("example")
    >>> table.fraction("coverage", 690, 1000, 0.6827)
    >>> table.ok
    True
    """

    def __init__(self, case: str) -> None:
        self.case = case
        self.rows: list[Row] = []
        self.info: dict[str, Any] = {}

    @property
    def ok(self) -> bool:
        """True if there are rows and all are inside of their bands."""
        return bool(self.rows) and all(row.ok for row in self.rows)

    def fraction(
        self, quantity: str, number: int, total: int, expected: float, *, slack: float = 0.0, note: str = ""
    ) -> None:
        """Compare how often something happened with a probability, within the binomial band.

        Parameters
        ----------
        quantity
            What happened.
        number, total
            How often, of how many.
        expected
            Its probability.
        slack
            How much a method is known to be off, such as from counts that are whole numbers.
        note
            What a reader must know.
        """
        low, high = (binom.ppf(p, total, expected) / total for p in (ALPHA / 2, 1 - ALPHA / 2))
        row = Row(quantity, number / total, expected, float(low) - slack, float(high) + slack, note)
        self.rows.append(row)

    def at_least(self, quantity: str, number: int, total: int, expected: float, note: str = "") -> None:
        """Compare how often something happened with a probability that it must not be below."""
        low = float(binom.ppf(ALPHA, total, expected) / total)
        self.rows.append(Row(quantity, number / total, expected, low, 1.0, note))

    def value(self, quantity: str, found: float, expected: float, error: float, note: str = "") -> None:
        """Compare a number with an expected one, within the band of a normal distribution."""
        reach = float(norm.isf(ALPHA / 2)) * error
        self.rows.append(Row(quantity, float(found), expected, expected - reach, expected + reach, note))

    def format(self) -> str:
        """Return the table as text."""
        width = max([len(row.quantity) for row in self.rows], default=8)
        head = f"{'quantity':<{width}}  {'found':>9} {'expected':>9} {'band':>21}  ok"
        lines = [f"== {self.case}", head, "-" * len(head)]
        for row in self.rows:
            note = f"  ({row.note})" if row.note else ""
            band = f"{row.low:.4f} to {row.high:.4f}"
            word = "yes" if row.ok else "NO "
            lines.append(f"{row.quantity:<{width}}  {row.found:>9.4f} {row.expected:>9.4f} {band:>21}  {word}{note}")
        bad = sum(not row.ok for row in self.rows)
        return "\n".join([*lines, f"{self.case}: {len(self.rows)} quantities, {bad} out; {self.info}"])

    def to_dict(self) -> dict[str, Any]:
        """Return the table as plain data."""
        rows = [dataclasses.asdict(row) | {"ok": row.ok} for row in self.rows]
        clean = [
            {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in row.items()} for row in rows
        ]
        return {"case": self.case, "ok": self.ok, "info": self.info, "rows": clean}
