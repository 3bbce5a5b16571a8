"""Parameters: declared by identity, carried by slice."""

from gjax.parameters._parameter import Affine as Affine
from gjax.parameters._parameter import Expression as Expression
from gjax.parameters._parameter import Parameter as Parameter
from gjax.parameters._parameter import ParameterField as ParameterField
from gjax.parameters._parameter import name_parameter_fields as name_parameter_fields
from gjax.parameters._parameter import parameter as parameter
from gjax.parameters._priors import AbstractPrior as AbstractPrior
from gjax.parameters._priors import GaussianPrior as GaussianPrior
from gjax.parameters._priors import GeneralizedGaussianPrior as GeneralizedGaussianPrior
from gjax.parameters._priors import LogNormalPrior as LogNormalPrior
from gjax.parameters._priors import LogUniformPrior as LogUniformPrior
from gjax.parameters._priors import UniformPrior as UniformPrior
from gjax.parameters._priors import prior_from_dict as prior_from_dict
from gjax.parameters._priors import prior_statistic as prior_statistic
from gjax.parameters._priors import prior_weight as prior_weight
from gjax.parameters._table import FrozenTable as FrozenTable
from gjax.parameters._table import ParameterTable as ParameterTable
from gjax.parameters._table import Slot as Slot
from gjax.parameters._table import changing as changing
from gjax.parameters._table import fill as fill
from gjax.parameters._table import freeze_tree as freeze_tree
from gjax.parameters._table import parameter_paths as parameter_paths
from gjax.parameters._table import replace_parameters as replace_parameters
from gjax.parameters._table import tabulate as tabulate
