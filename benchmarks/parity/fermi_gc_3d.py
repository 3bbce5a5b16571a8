"""Fermi-LAT at the Galactic centre above 10 GeV: a cube made elsewhere, read and fitted beside Gammapy 2.1.

Three fields as in the reference: a point source over the background of the file (A), the same source over templates of
the Galactic and the isotropic emission (B), and all sources of the 3FHL catalogue over the templates (C).
"""

from __future__ import annotations

from typing import Any

import astropy.units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

import gjax
from benchmarks.parity.cubes import compare_cube, compare_cube_fit, compare_start, cube_models
from benchmarks.parity.inputs import Inputs
from benchmarks.parity.report import Report
from gjax.datasets import MapDataset
from gjax.models import (
    DiskSpatialModel,
    GaussianSpatialModel,
    Models,
    PointSpatialModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
    TemplateSpatialModel,
    create_fermi_isotropic_diffuse_model,
)

CENTRE = SkyCoord(0.0, 0.0, unit="deg", frame="galactic")


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` compares the dataset and the predictions at the start."""
    reference = inputs.json("fermi_gc_3d.json")
    dataset = MapDataset.read(inputs.file("fermi-3fhl-gc/fermi-3fhl-gc.fits.gz"), name="fermi")
    compare_cube(report, dataset, reference["dataset"], CENTRE)
    fits, diffuse = reference["fits"], dataset.copy(name="fermi", background=None)
    templates = diffuse_models(inputs)
    point = cube_models(fits["B_point+IEM+iso"]["start_models"][:1])
    sources = catalogue(inputs, dataset, free=reference["C_free_sources"])
    fields = {
        "point": (dataset, "A_point+FoVnorm", cube_models(fits["A_point+FoVnorm"]["start_models"])),
        "templates": (diffuse, "B_point+IEM+iso", Models([*point, *templates])),
        "catalogue": (diffuse, "C_3FHL_sources+IEM+iso", Models([*sources, *templates])),
    }
    for name, (data, key, models) in fields.items():
        fit = fits[key]
        report.exact(f"{name}: number of models", len(models), fit["n_models"])
        compare_start(report, f"{name} start", gjax.Likelihood(data, models), fit["at_start"], data)
        if not quick:
            compare_cube_fit(report, name, data, fit, models=models)


def diffuse_models(inputs: Inputs) -> Models:
    """Return the Galactic emission with a free norm, and the isotropic one."""
    galactic = TemplateSpatialModel.read(inputs.file("fermi-3fhl-gc/gll_iem_v06_gc.fits.gz"), normalize=False)
    isotropic = create_fermi_isotropic_diffuse_model(inputs.file("fermi_3fhl/iso_P8R2_SOURCE_V6_v06.txt"))
    models = Models([SkyModel(PowerLawNormSpectralModel(), galactic, name="diffuse-iem"), isotropic])
    return models.freeze("fermi-diffuse-iso.*")


def catalogue(inputs: Inputs, dataset: Any, free: list[str]) -> Models:
    """Return the sources of the 3FHL catalogue on the map, with free amplitudes where asked."""
    file = inputs.file("catalogs/fermi/gll_psch_v13.fit.gz")
    table, extended = Table.read(file, hdu="LAT_Point_Source_Catalog"), Table.read(file, hdu="ExtendedSources")
    positions = SkyCoord(table["RAJ2000"], table["DEJ2000"], unit="deg")
    shapes = {str(row["Source_Name"]).strip(): row for row in extended}
    found = []
    for row in table[dataset.counts.geom.to_image().contains(positions)]:
        name = str(row["Source_Name"]).strip()
        spectrum = PowerLawSpectralModel(
            index=float(row["PowerLaw_Index"]),
            amplitude=float(row["Flux_Density"]) * u.Unit("cm-2 s-1 GeV-1"),
            reference=float(row["Pivot_Energy"]) * u.GeV,
        )
        shape = shapes.get(str(row["Extended_Source_Name"]).strip())
        found.append(SkyModel(spectrum, shape_of(row, shape), name=name))
    models = Models(found).freeze("*")
    return models.unfreeze(*(f"{name}.spectral.amplitude" for name in free))


def shape_of(row: Any, shape: Any) -> Any:
    """Return the spatial model of a row: a point, or the disk or Gaussian of the table of extended sources."""
    lon, lat = float(row["RAJ2000"]) * u.deg, float(row["DEJ2000"]) * u.deg
    if shape is None:
        return PointSpatialModel(lon, lat)
    form, size = str(shape["Spatial_Function"]).strip(), float(shape["Model_SemiMajor"]) * u.deg
    if form == "RadialDisk":
        return DiskSpatialModel(lon, lat, r_0=size)
    # the table has the radius of 68 % of a Gaussian
    return GaussianSpatialModel(lon, lat, sigma=size / 1.5095)
