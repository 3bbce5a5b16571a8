"""Configuration of a whole analysis, read from and written to YAML."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gjax.analysis.config_sections import AxisConfig as AxisConfig
from gjax.analysis.config_sections import BackgroundConfig as BackgroundConfig
from gjax.analysis.config_sections import CircleConfig as CircleConfig
from gjax.analysis.config_sections import DataConfig as DataConfig
from gjax.analysis.config_sections import FitConfig as FitConfig
from gjax.analysis.config_sections import FluxPointsConfig as FluxPointsConfig
from gjax.analysis.config_sections import GeneralConfig as GeneralConfig
from gjax.analysis.config_sections import GeometryConfig as GeometryConfig
from gjax.analysis.config_sections import ReductionConfig as ReductionConfig
from gjax.analysis.config_sections import SafeMaskConfig as SafeMaskConfig
from gjax.analysis.config_sections import SamplingConfig as SamplingConfig
from gjax.errors import ConfigError

__all__ = [
    "AnalysisConfig",
    "AxisConfig",
    "BackgroundConfig",
    "CircleConfig",
    "DataConfig",
    "FitConfig",
    "FluxPointsConfig",
    "GeneralConfig",
    "GeometryConfig",
    "ReductionConfig",
    "SafeMaskConfig",
    "SamplingConfig",
]


@dataclass(frozen=True)
class AnalysisConfig:
    """Everything that an analysis needs, from the data store to the posterior.

    Parameters
    ----------
    data
        Data store and observation ids.
    model
        Path of a model file, or the list of components as in such a file.
    type
        "1d" for spectra with off regions, "3d" for cubes with a background model.
    on_region
        Circle in which the source is counted; only for 1d.
    geometry
        Pixels of the cubes; only for 3d.
    general, background, energy, energy_true, reduction, safe_mask, fit, flux_points, sampling
        Settings with defaults.

    Raises
    ------
    ConfigError
        If something is impossible; the message names the key, what was given and what was expected.

    Examples
    --------
    >>> config = AnalysisConfig.default()
    >>> config.data.obs_ids
    (23523, 23526, 23559, 23592)
    >>> AnalysisConfig.from_dict(config.to_dict()) == config
    True
    """

    data: DataConfig
    model: Any
    type: str = "1d"
    on_region: CircleConfig | None = None
    geometry: GeometryConfig | None = None
    general: GeneralConfig = field(default_factory=GeneralConfig)
    background: BackgroundConfig = field(default_factory=BackgroundConfig)
    energy: AxisConfig = field(default_factory=lambda: AxisConfig("0.1 TeV", "40 TeV", 10, name="energy"))
    energy_true: AxisConfig = field(default_factory=lambda: AxisConfig("0.05 TeV", "100 TeV", 20, name="energy_true"))
    reduction: ReductionConfig = field(default_factory=ReductionConfig)
    safe_mask: SafeMaskConfig = field(default_factory=SafeMaskConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    flux_points: FluxPointsConfig = field(default_factory=FluxPointsConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    def __post_init__(self) -> None:
        self._check_type()
        reco, true = self.energy.edges(), self.energy_true.edges()
        if reco[0] < true[0] * (1 - 1e-9) or reco[-1] > true[-1] * (1 + 1e-9):
            raise ConfigError(
                f"energy spans {self.energy.min} to {self.energy.max}, energy_true only {self.energy_true.min} "
                f"to {self.energy_true.max}: true energies must cover the reconstructed ones"
            )
        low, high = self.fit.energy_range()
        if low >= reco[-1] or high <= reco[0]:
            raise ConfigError(
                f"fit.energy_min and fit.energy_max leave nothing of energy ({self.energy.min} to {self.energy.max})"
            )
        axis = self.flux_points.axis
        if axis is not None and (axis.edges()[0] >= reco[-1] or axis.edges()[-1] <= reco[0]):
            raise ConfigError(f"flux_points.axis lies outside energy ({self.energy.min} to {self.energy.max})")

    def _check_type(self) -> None:
        """Refuse what does not belong to spectra, or to cubes."""
        if self.type not in ("1d", "3d"):
            raise ConfigError(f"type: got {self.type!r}, expected one of 1d, 3d")
        needed, other = ("geometry", "on_region") if self.is_3d else ("on_region", "geometry")
        if getattr(self, needed) is None:
            hint = " (or set 'type: 3d')" if not self.is_3d and self.geometry is not None else ""
            raise ConfigError(f"{needed}: the key {needed!r} is missing, which type {self.type} needs{hint}")
        if getattr(self, other) is not None:
            raise ConfigError(f"{other}: belongs to type {'1d' if self.is_3d else '3d'}, not to type {self.type}")
        methods = ("auto", "fov", "none") if self.is_3d else ("auto", "reflected", "wobble")
        if self.background.method not in methods:
            raise ConfigError(
                f"background.method: got {self.background.method!r}, expected one of {', '.join(methods)} "
                f"for type {self.type}"
            )
        if not self.is_3d and "bkg-peak" in self.safe_mask.methods:
            raise ConfigError("safe_mask.methods: bkg-peak needs a background model, which only type 3d has")

    @property
    def is_3d(self) -> bool:
        """Whether cubes are analysed."""
        return self.type == "3d"

    @classmethod
    def default(cls, type: str = "1d") -> AnalysisConfig:
        """Return the configuration that ``gjax config`` writes, or with "3d" the one of ``gjax config --3d``."""
        from gjax.analysis.config_io import default_text, parse

        return parse(default_text(type), "the default")

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> AnalysisConfig:
        """Build a configuration from nested dicts, as read from YAML."""
        from gjax.analysis.config_io import build

        return build(cls, content)

    @classmethod
    def read(cls, path: str | Path) -> AnalysisConfig:
        """Read a YAML file.

        Raises
        ------
        MissingDataError
            If there is no such file.
        ConfigError
            If it is not YAML, or holds unknown keys or impossible values; the message gives file and line.
        """
        from gjax.analysis.config_io import read

        return read(path)

    def write(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write a YAML file.

        Raises
        ------
        FileExistsError
            If the file exists and ``overwrite`` is False.
        """
        from gjax.analysis.config_io import write

        return write(self, path, overwrite=overwrite)

    def to_dict(self) -> dict[str, Any]:
        """Nested dicts, lists, strings and numbers, as written to YAML."""
        from gjax.analysis.config_io import as_plain

        return as_plain(self)

    def replace(self, **changes: Any) -> AnalysisConfig:
        """Return a copy with sections replaced."""
        return dataclasses.replace(self, **changes)
