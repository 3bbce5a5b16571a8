"""The demonstration: four simulated wobble runs of a source like the Crab Nebula, as files of a data store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gjax.analysis.config import AnalysisConfig

__all__ = ["prepare_demo", "true_models"]

POSITION = (83.63, 22.01)
TRUE = {"amplitude": 3.8e-11, "reference": 1.0, "alpha": 2.4, "beta": 0.15}
OBS_IDS = (1, 2, 3, 4)

SPECTRUM: dict[str, Any] = {
    "type": "LogParabolaSpectralModel",
    "parameters": [
        {
            "name": "amplitude",
            "value": 1e-11,
            "unit": "cm-2 s-1 TeV-1",
            "prior": {"type": "uniform", "min": 0, "max": 2e-10},
        },
        {"name": "reference", "value": 1.0, "unit": "TeV", "frozen": True},
        {"name": "alpha", "value": 2.0, "prior": {"type": "uniform", "min": 0, "max": 5}},
        {"name": "beta", "value": 0.0, "prior": {"type": "uniform", "min": -1, "max": 2}},
    ],
}

COMMON: dict[str, Any] = {
    "general": {"title": "gjax demo: four simulated runs of a source like the Crab Nebula"},
    "data": {"obs_ids": list(OBS_IDS)},
    "flux_points": {"axis": {"min": "0.31623 TeV", "max": "31.623 TeV", "nbin": 10, "per_decade": False}},
}

SETTINGS: dict[str, Any] = {
    **COMMON,
    "on_region": {"frame": "icrs", "lon": f"{POSITION[0]} deg", "lat": f"{POSITION[1]} deg", "radius": "0.11 deg"},
    "background": {"method": "reflected"},
    "energy": {"min": "0.1 TeV", "max": "100 TeV", "nbin": 10, "per_decade": True},
    "energy_true": {"min": "0.05 TeV", "max": "100 TeV", "nbin": 20, "per_decade": True},
    "safe_mask": {"methods": ["aeff-max"], "aeff_percent": 5},
    "model": [{"name": "crab", "type": "SkyModel", "spectral": SPECTRUM}],
    "sampling": {"chains": 4, "warmup": 300, "samples": 1000},
}

# The fit starts 0.03 deg beside the source.
SETTINGS_3D: dict[str, Any] = {
    **COMMON,
    "type": "3d",
    "geometry": {
        "frame": "icrs",
        "lon": f"{POSITION[0]} deg",
        "lat": f"{POSITION[1]} deg",
        "width": "4 deg",
        "binsz": "0.02 deg",
    },
    "background": {
        "method": "fov",
        "exclusion_regions": [
            {"frame": "icrs", "lon": f"{POSITION[0]} deg", "lat": f"{POSITION[1]} deg", "radius": "0.4 deg"}
        ],
    },
    "energy": {"min": "0.31623 TeV", "max": "31.623 TeV", "nbin": 10, "per_decade": True},
    "energy_true": {"min": "0.1 TeV", "max": "100 TeV", "nbin": 10, "per_decade": True},
    "reduction": {"stack": True},
    "safe_mask": {"methods": ["offset-max"], "offset_max": "2 deg"},
    "model": [
        {
            "name": "crab",
            "type": "SkyModel",
            "spectral": SPECTRUM,
            "spatial": {
                "type": "PointSpatialModel",
                "frame": "icrs",
                "parameters": [
                    {
                        "name": "lon_0",
                        "value": POSITION[0] + 0.03,
                        "unit": "deg",
                        "prior": {"type": "uniform", "min": POSITION[0] - 0.3, "max": POSITION[0] + 0.3},
                    },
                    {
                        "name": "lat_0",
                        "value": POSITION[1] - 0.02,
                        "unit": "deg",
                        "prior": {"type": "uniform", "min": POSITION[1] - 0.3, "max": POSITION[1] + 0.3},
                    },
                ],
            },
        }
    ],
    "sampling": {"enabled": False},
}


def true_models(type: str = "1d") -> Any:
    """Return the models that are simulated.

    Parameters
    ----------
    type
        "3d" for models with a position.

    Examples
    --------
    >>> true_models()["crab"].spectral_model.alpha.value
    2.4
    """
    from gjax.models import LogParabolaSpectralModel, Models, PointSpatialModel, SkyModel

    values: dict[str, Any] = {
        **TRUE,
        "amplitude": f"{TRUE['amplitude']} cm-2 s-1 TeV-1",
        "reference": f"{TRUE['reference']} TeV",
    }
    spatial = PointSpatialModel(f"{POSITION[0]} deg", f"{POSITION[1]} deg") if type == "3d" else None
    return Models([SkyModel(LogParabolaSpectralModel(**values), spatial, name="crab")])


def prepare_demo(out: str | Path, *, seed: int = 0, type: str = "1d") -> tuple[AnalysisConfig, Any]:
    """Simulate the observations, write them as a data store, and return what analyses them.

    Parameters
    ----------
    out
        Folder; the data go to ``data`` in it, and replace older ones.
    seed
        Seed of all random numbers.
    type
        "1d" for an analysis of spectra, "3d" for one of a cube; the data are the same.

    Returns
    -------
    config, truth
        Configuration, and the models that were simulated.
    """
    import astropy.units as u
    from astropy.coordinates import EarthLocation, SkyCoord
    from astropy.time import Time

    from gjax.data import Observations
    from gjax.data.write import write_datastore
    from gjax.fits import expand_path
    from gjax.simulate import PointSource, demo_array, simulate_observation, wobble_pointings

    folder = expand_path(out).resolve() / "data"
    truth = true_models(type)
    crab = SkyCoord(*POSITION, unit="deg")
    source = PointSource(truth["crab"].spectral_model, crab, name="crab")
    rng = np.random.default_rng(seed)
    irfs = demo_array()
    location = EarthLocation.from_geodetic(16.5 * u.deg, -23.27 * u.deg, 1835 * u.m)
    start = Time("2025-01-15T20:00:00", scale="tt")
    observations = [
        simulate_observation(
            rng,
            source,
            pointing,
            irfs,
            duration="28 min",
            deadtime_fraction=0.06,
            tstart=start + i * 30 * u.min,
            obs_id=obs_id,
            location=location,
            meta={
                "OBJECT": "Crab-like",
                "RA_OBJ": POSITION[0],
                "DEC_OBJ": POSITION[1],
                "TELESCOP": "GJAX",
                "INSTRUME": "DEMO",
            },
        )
        for i, (obs_id, pointing) in enumerate(zip(OBS_IDS, wobble_pointings(crab)))
    ]
    write_datastore(Observations(observations), folder, overwrite=True)
    settings = SETTINGS_3D if type == "3d" else SETTINGS
    data = {**settings["data"], "datastore": str(folder)}
    general = {**settings["general"], "seed": seed}
    return AnalysisConfig.from_dict({**settings, "general": general, "data": data}), truth
