"""Models of the sky and of instruments, as differentiable modules."""

from gjax.models._compound import CompoundSpectralModel as CompoundSpectralModel
from gjax.models._compound import ConstantSpectralModel as ConstantSpectralModel
from gjax.models._compound import ScaleSpectralModel as ScaleSpectralModel
from gjax.models._curved import ExpCutoffPowerLawSpectralModel as ExpCutoffPowerLawSpectralModel
from gjax.models._curved import LogParabolaSpectralModel as LogParabolaSpectralModel
from gjax.models._power_law import BrokenPowerLawSpectralModel as BrokenPowerLawSpectralModel
from gjax.models._power_law import PowerLaw2SpectralModel as PowerLaw2SpectralModel
from gjax.models._power_law import PowerLawNormSpectralModel as PowerLawNormSpectralModel
from gjax.models._power_law import PowerLawSpectralModel as PowerLawSpectralModel
from gjax.models._power_law import SmoothBrokenPowerLawSpectralModel as SmoothBrokenPowerLawSpectralModel
from gjax.models._sky import InstrumentModel as InstrumentModel
from gjax.models._sky import Models as Models
from gjax.models._sky import SkyModel as SkyModel
from gjax.models._sky import applies_to as applies_to
from gjax.models._sky import parameter_qtable as parameter_qtable
from gjax.models._spectral import AbstractSpectralModel as AbstractSpectralModel
from gjax.models._spectral import spectral_model_class as spectral_model_class
from gjax.models._spectral import spectral_models as spectral_models
