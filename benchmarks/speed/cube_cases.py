"""What both packages do with cubes: recipes of the reduction and models at the start of fits; plain Python.

Models are written as dictionaries: name, class, shapes, and rows ``[name, value, unit, step, frozen]``. A step of 0
leaves the first step to the minimiser; gjax needs none.
"""

from __future__ import annotations

from typing import Any

__all__ = ["CUBES", "FILES", "RECIPES", "SIMULATED", "background", "fits_of", "point", "simulated_models", "source"]

#: How runs become cubes. Widths in deg; energies as (from, to, bins) in TeV; ``cutout`` is the width of a run.
#: ``maps``: time excess and TS maps as well. ``points``: edges of flux points [TeV] at the best fit of a point source.
RECIPES: dict[str, dict[str, Any]] = {
    "crab_3d": {
        "store": "hess-dl3-dr1",
        "obs_ids": [23523, 23526, 23559, 23592],
        "centre": (83.63, 22.01),
        "frame": "icrs",
        "projection": "TAN",
        "width": (5.0, 5.0),
        "binsz": 0.02,
        "energy": (0.5, 50, 16),
        "energy_true": (0.3, 100, 31),
        "cutout": 5.0,
        "safe": {"methods": ["offset-max", "aeff-default"], "offset_max": "2.5 deg"},
        "exclusion": 0.3,
        "energy_min": None,
        "maps": True,
        "points": (0.5, 1, 2, 4, 8, 20, 50),
    },
    "cta_1dc_gc_3d": {
        "store": "cta-1dc/index/gps",
        "obs_ids": [110380, 111140, 111159],
        "centre": (0.0, 0.0),
        "frame": "galactic",
        "projection": "CAR",
        "width": (10.0, 8.0),
        "binsz": 0.02,
        "energy": (0.1, 10, 10),
        "energy_true": (0.08, 12, 14),
        "cutout": 7.0,
        "safe": {"methods": ["aeff-default", "offset-max"], "offset_max": "3 deg"},
        "exclusion": None,
        "energy_min": 0.3,
    },
    "joint_scaling": {
        "store": "hess-dl3-dr1",
        "obs_ids": [23523, 23526, 23559, 23592],
        "centre": (83.63, 22.01),
        "frame": "icrs",
        "projection": "TAN",
        "width": (2.5, 2.5),
        "binsz": 0.02,
        "energy": (0.7, 30, 12),
        "energy_true": (0.4, 60, 20),
        "cutout": None,
        "safe": {"methods": ["offset-max", "aeff-default"], "offset_max": "2.5 deg"},
        "exclusion": None,
        "energy_min": None,
    },
}

#: Cases that begin with files of cubes.
FILES = {"fermi_gc_3d": "fermi-3fhl-gc/fermi-3fhl-gc.fits.gz", "hawc": "hawc/DL4/HAWC_pass4_public_Crab.yaml"}

#: All cases that the scripts for cubes do.
CUBES = (*RECIPES, *FILES)

#: Numbers of simulated cubes: those of a quick run, of Gammapy, and of gjax.
SIMULATED = {"quick": (1, 2), "gammapy": (1, 2, 4, 8), "gjax": (1, 2, 4, 8, 16, 64, 512)}

PER_TEV = "TeV-1 s-1 cm-2"
SHAPES = {"point": "PointSpatialModel", "gauss": "GaussianSpatialModel"}
SPECTRA = {
    "pl": "PowerLawSpectralModel",
    "lp": "LogParabolaSpectralModel",
    "ecpl": "ExpCutoffPowerLawSpectralModel",
}


def source(
    name: str, spectrum: str, rows: list[list[Any]], lon: float, lat: float, *, frame: str, sigma: float | None = None
) -> dict[str, Any]:
    """Return a point, or a round Gaussian of a width [deg], with a position that is free."""
    shape = [["lon_0", lon, "deg", 0.01, False], ["lat_0", lat, "deg", 0.01, False]]
    if sigma is not None:
        shape.append(["sigma", sigma, "deg", 0.01, False])
    kind = SHAPES["point" if sigma is None else "gauss"]
    words = {"class": "SkyModel", "spectral_model": SPECTRA[spectrum], "spatial_model": kind, "frame": frame}
    return {"name": name, "parameters": [*rows, *shape], **words}


def point(index: float, amplitude: float, reference: float = 1.0) -> list[list[Any]]:
    """Return rows of a power law."""
    return [
        ["index", index, "", 0.1, False],
        ["amplitude", amplitude, PER_TEV, 0.1 * amplitude, False],
        ["reference", reference, "TeV", 0.0, True],
    ]


def background(dataset: str, *, norm: float = 1.0, tilt: bool = False) -> dict[str, Any]:
    """Return the background of a dataset with a free norm, and perhaps a free tilt."""
    rows = [["norm", norm, "", 0.05, False], ["tilt", 0.0, "", 0.05, not tilt], ["reference", 1.0, "TeV", 0.0, True]]
    name = f"{dataset}-bkg"
    return {"name": name, "class": "FoVBackgroundModel", "parameters": rows, "datasets_names": [dataset]}


def simulated_models(names: list[str], *, tilt: bool = False, is_truth: bool = False) -> list[dict[str, Any]]:
    """Return source and backgrounds of simulated cubes at the start of a fit, or as they were simulated."""
    if is_truth:
        models = [source("source", "pl", point(2.5, 4e-11), 83.63, 22.01, frame="icrs", sigma=0.08)]
    else:
        models = [source("source", "pl", point(2.3, 3e-11), 83.64, 22.0, frame="icrs", sigma=0.06)]
    return models + [background(name, tilt=tilt) for name in names]


def _crab() -> list[dict[str, Any]]:
    here = {"lon": 83.63, "lat": 22.01, "frame": "icrs"}
    one, gauss = (source("crab", "pl", point(2.6, 3e-11), **here, **more) for more in ({}, {"sigma": 0.02}))
    runs = [background(f"obs-{number}", tilt=True) for number in RECIPES["crab_3d"]["obs_ids"]]
    return [
        {"key": "stacked point", "group": "stacked", "models": [one, background("stacked")]},
        {"key": "stacked gauss", "group": "stacked", "models": [gauss, background("stacked")], "full": True},
        {"key": "joint point", "group": "joint", "models": [one, *runs], "full": True},
    ]


def _cta() -> list[dict[str, Any]]:
    rows = [*point(2.3, 2.8e-12), ["lambda_", 0.02, "TeV-1", 0.01, False], ["alpha", 1.0, "", 0.0, True]]
    here = {"lon": -0.05, "lat": -0.05, "frame": "galactic"}
    one, gauss = (source("gc", "ecpl", rows, **here, **more) for more in ({}, {"sigma": 0.05}))
    other = source("g09", "pl", point(2.4, 8e-13), 0.87, 0.08, frame="galactic")
    both = [one, other, background("stacked", norm=1.3, tilt=True)]
    runs = [background(f"obs-{number}") for number in RECIPES["cta_1dc_gc_3d"]["obs_ids"]]
    return [
        {"key": "stacked point", "group": "stacked", "models": [one, background("stacked", norm=1.3)]},
        {"key": "stacked gauss", "group": "stacked", "models": [gauss, background("stacked", norm=1.3)], "full": True},
        {"key": "stacked two points", "group": "stacked", "models": both, "full": True},
        {"key": "joint point", "group": "joint", "models": [one, *runs], "full": True},
    ]


def _fermi() -> list[dict[str, Any]]:
    one = source("gc", "pl", point(2.7, 5.8e-7, 0.02), 359.95, -0.04, frame="galactic")
    return [
        {"key": "point", "group": "files", "models": [one, background("fermi")]},
        {"key": "catalogue", "group": "sky only", "models": "catalogue.yaml", "full": True},
    ]


def _hawc() -> list[dict[str, Any]]:
    rows = [["amplitude", 2e-13, PER_TEV, 2e-14, False], ["reference", 7.0, "TeV", 0.0, True]]
    rows += [["alpha", 2.6, "", 0.1, False], ["beta", 0.1, "", 0.05, False]]
    one = source("crab", "lp", rows, 83.63, 22.01, frame="icrs")
    norms = [background(f"nHit-{number}") for number in range(5, 10)]
    return [
        {"key": "point", "group": "files", "models": [one]},
        {"key": "point norms", "group": "files", "models": [one, *norms], "full": True},
    ]


def _simulated() -> list[dict[str, Any]]:
    out = []
    for number in SIMULATED["gjax"]:
        names = [f"d{i}" for i in range(number)]
        entry = {"key": f"{number} cubes", "group": f"{number} cubes", "models": simulated_models(names)}
        more = {"full": number not in SIMULATED["quick"], "gjax_only": number not in SIMULATED["gammapy"]}
        out.append({**entry, **more})
    return out


def fits_of(case: str, *, quick: bool = False, side: str = "gjax") -> list[dict[str, Any]]:
    """Return the fits of a case; the first is what a cold process does.

    Each has a ``key``, the ``group`` of datasets and the ``models``, or the name of a prepared file of models. Some are
    left out of quick runs, and those that take Gammapy too long are done by gjax only.
    """
    made = {"crab_3d": _crab, "cta_1dc_gc_3d": _cta, "fermi_gc_3d": _fermi, "hawc": _hawc, "joint_scaling": _simulated}
    return [
        fit
        for fit in made[case]()
        if not (quick and fit.get("full")) and not (side == "gammapy" and fit.get("gjax_only"))
    ]
