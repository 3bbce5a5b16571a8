"""Reduced data: spectra, flux points, stacking and their files."""

from gjax.datasets._flux_reference import reference_fluxes as reference_fluxes
from gjax.datasets._significance import cash_significance as cash_significance
from gjax.datasets._significance import li_ma_significance as li_ma_significance
from gjax.datasets._stack_datasets import stack_datasets as stack_datasets
from gjax.datasets.collection import Datasets as Datasets
from gjax.datasets.flux_points import FluxPoints as FluxPoints
from gjax.datasets.flux_points_dataset import FluxPointsDataset as FluxPointsDataset
from gjax.datasets.spectrum import SpectrumDataset as SpectrumDataset
from gjax.datasets.spectrum_on_off import SpectrumDatasetOnOff as SpectrumDatasetOnOff
