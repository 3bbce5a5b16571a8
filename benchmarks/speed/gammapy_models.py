"""Gammapy: value (it has no gradient) of every spectral model on 100 energies, in one process."""

from script_tools import Clock, options

arguments = options()
clock = Clock(arguments.started)
with clock.phase("import gammapy"):
    import gammapy
with clock.phase("import"):
    import astropy.units as u
    import numpy as np
    from gammapy.astro.darkmatter import DarkMatterAnnihilationSpectralModel, PrimaryFlux
    from gammapy.modeling import models as library

ENERGY = np.geomspace(1e-2, 100, 100) * u.TeV
PLAIN = [
    "PowerLaw",
    "PowerLawNorm",
    "PowerLaw2",
    "BrokenPowerLaw",
    "SmoothBrokenPowerLaw",
    "ExpCutoffPowerLaw",
    "ExpCutoffPowerLawNorm",
    "ExpCutoffPowerLaw3FGL",
    "SuperExpCutoffPowerLaw3FGL",
    "SuperExpCutoffPowerLaw4FGL",
    "SuperExpCutoffPowerLaw4FGLDR3",
    "LogParabola",
    "LogParabola2",
    "LogParabolaNorm",
    "Gaussian",
    "Constant",
    "MeyerCrab",
]


def models():
    """Return all models by the name of their phase."""
    found = {f"{name}SpectralModel": getattr(library, f"{name}SpectralModel")() for name in PLAIN}
    nodes = np.geomspace(1e-2, 100, 13)
    flux = library.PowerLawSpectralModel()
    ebl = library.EBLAbsorptionNormSpectralModel.read_builtin("dominguez", redshift=0.2)
    factor = 1e19 * u.Unit("GeV2 cm-5")
    found["CompoundSpectralModel, absorbed power law"] = flux * ebl
    found["ScaleSpectralModel"] = library.ScaleSpectralModel(flux)
    found["PiecewiseNormSpectralModel, 13 nodes"] = library.PiecewiseNormSpectralModel(nodes * u.TeV)
    found["TemplateSpectralModel"] = library.TemplateSpectralModel(nodes * u.TeV, nodes**-2 * u.Unit(""))
    found["EBLAbsorptionNormSpectralModel"] = ebl
    found["PrimaryFlux"] = PrimaryFlux("3.3 TeV", "b")
    found["DarkMatterAnnihilationSpectralModel"] = DarkMatterAnnihilationSpectralModel("3.3 TeV", "b", jfactor=factor)
    return found


repeats = 0 if arguments.mode == "cold" else 20 * arguments.repeats
found = models() if arguments.mode == "warm" else {"PowerLawSpectralModel": library.PowerLawSpectralModel()}
for name, model in found.items():
    clock.call(name, lambda model=model: model(ENERGY), repeats)
clock.since_start("start to fitted result")
clock.emit(versions={"gammapy": gammapy.__version__, "numpy": np.__version__})
