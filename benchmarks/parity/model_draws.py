"""Which parameters the comparison of models draws, and from where."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gjax.maps import MapAxis, RegionNDMap
from gjax.models import (
    EBL_DATA_BUILTIN,
    DarkMatterAnnihilationSpectralModel,
    DarkMatterDecaySpectralModel,
    EBLAbsorptionNormSpectralModel,
    LogParabolaNormSpectralModel,
    PiecewiseNormSpectralModel,
    PowerLawSpectralModel,
    PrimaryFlux,
    ScaleSpectralModel,
    TemplateNDSpectralModel,
    TemplateSpectralModel,
    create_cosmic_ray_spectral_model,
    create_crab_spectral_model,
    spectral_model_class,
)

__all__ = ["SPATIAL", "SpectralCase", "spectral_cases"]

#: Ranges of parameters by name: lowest, highest, and how they are drawn.
INDEX, AMPLITUDE, REFERENCE = (0.0, 4.5, "lin"), (1e-14, 1e-9, "log"), (1e-2, 10.0, "log")
RANGES: dict[str, dict[str, tuple[float, float, str]]] = {
    "PowerLawSpectralModel": {"index": INDEX, "amplitude": AMPLITUDE, "reference": REFERENCE},
    "PowerLawNormSpectralModel": {"tilt": (-2, 2, "lin"), "norm": (0.1, 10, "log"), "reference": REFERENCE},
    "PowerLaw2SpectralModel": {
        "amplitude": AMPLITUDE,
        "index": INDEX,
        "emin": (1e-3, 0.1, "log"),
        "emax": (1.0, 100.0, "log"),
    },
    "BrokenPowerLawSpectralModel": {
        "index1": INDEX,
        "index2": INDEX,
        "amplitude": AMPLITUDE,
        "ebreak": (1e-3, 30.0, "log"),
    },
    "SmoothBrokenPowerLawSpectralModel": {
        "index1": INDEX,
        "index2": INDEX,
        "amplitude": AMPLITUDE,
        "ebreak": (1e-3, 30.0, "log"),
        "reference": REFERENCE,
        "beta": (0.1, 2.0, "lin"),
    },
    "ExpCutoffPowerLawSpectralModel": {
        "index": INDEX,
        "amplitude": AMPLITUDE,
        "reference": REFERENCE,
        "lambda_": (1e-3, 10.0, "log"),
        "alpha": (0.3, 2.0, "lin"),
    },
    "ExpCutoffPowerLawNormSpectralModel": {
        "index": (-1, 1, "lin"),
        "norm": (0.1, 10, "log"),
        "reference": REFERENCE,
        "lambda_": (1e-3, 10.0, "log"),
        "alpha": (0.3, 2.0, "lin"),
    },
    "ExpCutoffPowerLaw3FGLSpectralModel": {
        "index": INDEX,
        "amplitude": AMPLITUDE,
        "reference": REFERENCE,
        "ecut": (0.1, 300.0, "log"),
    },
    "SuperExpCutoffPowerLaw3FGLSpectralModel": {
        "amplitude": AMPLITUDE,
        "reference": REFERENCE,
        "ecut": (0.1, 300.0, "log"),
        "index_1": INDEX,
        "index_2": (0.2, 2.0, "lin"),
    },
    "SuperExpCutoffPowerLaw4FGLSpectralModel": {
        "amplitude": AMPLITUDE,
        "reference": (1e-4, 1e-1, "log"),
        "expfactor": (1e-5, 1e-2, "log"),
        "index_1": INDEX,
        "index_2": (0.2, 1.0, "lin"),
    },
    "SuperExpCutoffPowerLaw4FGLDR3SpectralModel": {
        "amplitude": AMPLITUDE,
        "reference": (1e-4, 1e-1, "log"),
        "expfactor": (0.05, 1.0, "lin"),
        "index_1": INDEX,
        "index_2": (0.05, 1.2, "lin"),
    },
    "LogParabolaSpectralModel": {
        "amplitude": AMPLITUDE,
        "reference": REFERENCE,
        "alpha": INDEX,
        "beta": (-0.05, 0.5, "lin"),
    },
    "LogParabola2SpectralModel": {
        "amplitude": AMPLITUDE,
        "reference": REFERENCE,
        "alpha": INDEX,
        "beta": (-0.05, 0.5, "lin"),
        "escale": REFERENCE,
    },
    "LogParabolaNormSpectralModel": {
        "norm": (0.1, 10, "log"),
        "reference": REFERENCE,
        "alpha": (-2, 2, "lin"),
        "beta": (-0.05, 0.5, "lin"),
    },
    "GaussianSpectralModel": {"amplitude": AMPLITUDE, "mean": (0.1, 30.0, "log"), "sigma": (0.1, 10.0, "log")},
    "ConstantSpectralModel": {"const": AMPLITUDE},
    "MeyerCrabSpectralModel": {"norm": (0.1, 10, "log")},
}

#: Spatial models: ranges of their shape.
SPATIAL: dict[str, dict[str, tuple[float, float, str]]] = {
    "GaussianSpatialModel": {"sigma": (0.05, 3.0, "log"), "e": (0.0, 0.9, "lin"), "phi": (0.0, 180.0, "lin")},
    "GeneralizedGaussianSpatialModel": {
        "r_0": (0.05, 3.0, "log"),
        "eta": (0.1, 1.0, "lin"),
        "e": (0.0, 0.9, "lin"),
        "phi": (0.0, 180.0, "lin"),
    },
    "DiskSpatialModel": {
        "r_0": (0.05, 3.0, "log"),
        "e": (0.0, 0.9, "lin"),
        "phi": (0.0, 180.0, "lin"),
        "edge_width": (0.01, 0.5, "lin"),
    },
    "ShellSpatialModel": {"radius": (0.05, 3.0, "log"), "width": (0.02, 1.0, "log")},
    "Shell2SpatialModel": {"r_0": (0.05, 3.0, "log"), "eta": (0.05, 1.0, "lin")},
    "ConstantSpatialModel": {"value": (0.1, 10.0, "log")},
}


@dataclasses.dataclass(frozen=True)
class SpectralCase:
    """A model, what it is called on the other side, and the ranges of its parameters.

    Parameters
    ----------
    model
        The model of gjax.
    kind
        Name of the class, or of a recipe of `gammapy_models`.
    ranges
        Range of every parameter that is drawn, by name.
    options
        What the other side needs to make the same.
    """

    model: Any
    kind: str
    ranges: dict[str, tuple[float, float, str]]
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


def spectral_cases(folder: Any) -> dict[str, SpectralCase]:
    """Return all cases; tables that both sides need are written to a folder."""
    cases = {name: SpectralCase(spectral_model_class(name)(), name, ranges) for name, ranges in RANGES.items()}
    pl, lp_norm = RANGES["PowerLawSpectralModel"], RANGES["LogParabolaNormSpectralModel"]
    both = PowerLawSpectralModel() * LogParabolaNormSpectralModel()
    ranges = {**{f"model1.{k}": v for k, v in pl.items()}, **{f"model2.{k}": v for k, v in lp_norm.items()}}
    cases["CompoundSpectralModel"] = SpectralCase(both, "compound", ranges)
    scaled = ScaleSpectralModel(PowerLawSpectralModel(index=2.3))
    cases["ScaleSpectralModel"] = SpectralCase(scaled, "scale", {"norm": (0.1, 10, "log")})
    rng = np.random.default_rng(3)
    nodes = np.geomspace(1e-4, 100, 13)
    values = 1e-12 * nodes ** -rng.uniform(1.8, 2.6, 13)
    flux = values * _flux_unit()
    options = {"energy": nodes.tolist(), "values": values.tolist()}
    cases["TemplateSpectralModel"] = SpectralCase(
        TemplateSpectralModel(nodes, flux), "TemplateSpectralModel", {}, options
    )
    for interp in ("log", "lin"):
        model = PiecewiseNormSpectralModel(nodes[::3], interp=interp)
        ranges = {f"norms[node-{k}]": (0.1, 10.0, "log") for k in range(len(nodes[::3]))}
        given = {"energy": nodes[::3].tolist(), "interp": interp}
        cases[f"PiecewiseNormSpectralModel {interp}"] = SpectralCase(model, "PiecewiseNormSpectralModel", ranges, given)
    cases["TemplateNDSpectralModel"] = _template_nd(folder, rng)
    for reference in EBL_DATA_BUILTIN:
        ebl = EBLAbsorptionNormSpectralModel.read_builtin(reference)
        ranges = {"redshift": (0.02, 1.5, "node"), "alpha_norm": (0.5, 2.0, "lin")}
        kind = "EBLAbsorptionNormSpectralModel"
        cases[f"{kind} {reference}"] = SpectralCase(ebl, kind, ranges, {"reference": reference})
        if reference in ("dominguez", "finke"):
            between = {**ranges, "redshift": (0.02, 1.5, "lin")}
            cases[f"{kind} {reference}, between"] = SpectralCase(ebl, kind, between, {"reference": reference})
    primary = {"mass": "3.3 TeV", "channel": "b"}
    cases["PrimaryFlux"] = SpectralCase(
        PrimaryFlux("3.3 TeV", "b"), "PrimaryFlux", {"mass": (0.01, 90.0, "log")}, primary
    )
    factors = {"mass": "3.3 TeV", "channel": "tau", "jfactor": "3e19 GeV2 cm-5"}
    scale = {"scale": (1e-2, 1e4, "log")}
    annihilation = DarkMatterAnnihilationSpectralModel("3.3 TeV", "tau", jfactor="3e19 GeV2 cm-5")
    cases["DarkMatterAnnihilationSpectralModel"] = SpectralCase(
        annihilation, "DarkMatterAnnihilationSpectralModel", scale, factors
    )
    decay = DarkMatterDecaySpectralModel("3.3 TeV", "W", jfactor="3e19 GeV cm-2")
    given = {"mass": "3.3 TeV", "channel": "W", "jfactor": "3e19 GeV cm-2"}
    cases["DarkMatterDecaySpectralModel"] = SpectralCase(decay, "DarkMatterDecaySpectralModel", scale, given)
    for name in ("meyer", "hegra", "hess_pl", "hess_ecpl", "magic_lp", "magic_ecpl"):
        cases[f"Crab {name}"] = SpectralCase(create_crab_spectral_model(name), "crab", {}, {"reference": name})
    for name in ("proton", "N", "Si", "Fe", "electron"):
        model = create_cosmic_ray_spectral_model(name)
        cases[f"cosmic rays {name}"] = SpectralCase(model, "cosmic-rays", {}, {"particle": name})
    return cases


def _flux_unit() -> Any:
    import astropy.units as u

    return u.Unit("cm-2 s-1 TeV-1")


def _template_nd(folder: Any, rng: np.random.Generator) -> SpectralCase:
    energy = MapAxis.from_nodes(np.geomspace(1e-5, 1e3, 17), unit="TeV", name="energy_true", interp="log")
    age = MapAxis.from_nodes(np.geomspace(1, 100, 4), unit="s", name="age", interp="log")
    tilt = MapAxis.from_nodes([-1.0, 0.0, 2.0], name="tilt", unit="")
    data = 1e-12 * energy.center.value[None, None, :] ** -2.2 * rng.uniform(0.3, 3.0, (3, 4, 17))
    table = RegionNDMap.create(None, axes=[energy, age, tilt], data=data[..., None, None], unit="cm-2 s-1 TeV-1")
    table.write(folder / "table.fits")
    ranges = {"age": (1.0, 100.0, "log"), "tilt": (-1.0, 2.0, "lin")}
    named = {f"axes.{key}": value for key, value in ranges.items()}
    return SpectralCase(TemplateNDSpectralModel(table), "TemplateNDSpectralModel", named, {"filename": "table.fits"})
