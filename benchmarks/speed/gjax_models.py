"""gjax: value and gradient of every spectral model on 100 energies, in one process."""

from script_tools import Clock, options

arguments = options()
clock = Clock(arguments.started)
with clock.phase("import gjax"):
    import gjax
with clock.phase("import"):
    import jax
    import numpy as np

    from gjax.models import (
        DarkMatterAnnihilationSpectralModel,
        EBLAbsorptionNormSpectralModel,
        PiecewiseNormSpectralModel,
        PowerLawSpectralModel,
        PrimaryFlux,
        ScaleSpectralModel,
        TemplateSpectralModel,
        spectral_model_class,
    )
    from gjax.parameters import fill, freeze_tree

gjax.enable_x64()
if arguments.cache:
    gjax.enable_compilation_cache(arguments.cache)

ENERGY = np.geomspace(1e-2, 100, 100)
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
    found = {f"{name}SpectralModel": spectral_model_class(f"{name}SpectralModel")() for name in PLAIN}
    nodes = np.geomspace(1e-2, 100, 13)
    ebl = EBLAbsorptionNormSpectralModel.read_builtin("dominguez", redshift=0.2)
    return found | {
        "CompoundSpectralModel, absorbed power law": PowerLawSpectralModel() * ebl,
        "ScaleSpectralModel": ScaleSpectralModel(PowerLawSpectralModel()),
        "PiecewiseNormSpectralModel, 13 nodes": PiecewiseNormSpectralModel(nodes),
        "TemplateSpectralModel": TemplateSpectralModel(nodes, nodes**-2),
        "EBLAbsorptionNormSpectralModel": ebl,
        "PrimaryFlux": PrimaryFlux("3.3 TeV", "b"),
        "DarkMatterAnnihilationSpectralModel": DarkMatterAnnihilationSpectralModel("3.3 TeV", "b", jfactor=1e13),
    }


def prepare(model):
    """Return a function without arguments: flux on all energies, and its derivative by every parameter."""
    skeleton, table = freeze_tree(model)

    def flux(theta, energy, skeleton):
        return fill(skeleton, theta).evaluate(energy)

    def both(theta, energy, skeleton):
        return flux(theta, energy, skeleton), jax.jacfwd(flux)(theta, energy, skeleton)

    compiled = jax.jit(both)
    data = jax.device_put((np.asarray(table.values), ENERGY, skeleton))
    return lambda: jax.block_until_ready(compiled(*data))


repeats = 0 if arguments.mode == "cold" else 100 * arguments.repeats
found = models() if arguments.mode == "warm" else {"PowerLawSpectralModel": PowerLawSpectralModel()}
for name, model in found.items():
    clock.call(name, prepare(model), repeats)
clock.since_start("start to fitted result")
clock.emit(versions={"jax": jax.__version__, "numpy": np.__version__})
