"""Instrument responses: effective area, energy dispersion, point spread function, background, directional cuts."""

from gjax.irf.background import Background2D as Background2D
from gjax.irf.background import Background3D as Background3D
from gjax.irf.edisp_kernel import EDispKernel as EDispKernel
from gjax.irf.edisp_map import EDispKernelMap as EDispKernelMap
from gjax.irf.edisp_map import EDispMap as EDispMap
from gjax.irf.effective_area import EffectiveAreaTable2D as EffectiveAreaTable2D
from gjax.irf.energy_dispersion import EnergyDispersion2D as EnergyDispersion2D
from gjax.irf.load import IRF_CLASSES as IRF_CLASSES
from gjax.irf.load import load_irf_dict_from_file as load_irf_dict_from_file
from gjax.irf.load import load_irf_hdu as load_irf_hdu
from gjax.irf.psf_kernel import PSFKernel as PSFKernel
from gjax.irf.psf_map import PSFMap as PSFMap
from gjax.irf.psf_map import RecoPSFMap as RecoPSFMap
from gjax.irf.psf_parametric import EnergyDependentMultiGaussPSF as EnergyDependentMultiGaussPSF
from gjax.irf.psf_parametric import PSFKing as PSFKing
from gjax.irf.psf_table import PSF3D as PSF3D
from gjax.irf.rad_max import RadMax2D as RadMax2D
