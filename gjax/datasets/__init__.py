"""Reduced data: spectra, maps, flux points, stacking and their files."""

from gjax.datasets._flux_reference import reference_fluxes as reference_fluxes
from gjax.datasets._map_geoms import create_map_dataset_geoms as create_map_dataset_geoms
from gjax.datasets._map_residuals import map_residuals as map_residuals
from gjax.datasets._map_to_spectrum import map_to_spectrum as map_to_spectrum
from gjax.datasets._stack_datasets import stack_datasets as stack_datasets
from gjax.datasets.collection import Datasets as Datasets
from gjax.datasets.flux_points import FluxPoints as FluxPoints
from gjax.datasets.flux_points_dataset import FluxPointsDataset as FluxPointsDataset
from gjax.datasets.light_curve import LightCurve as LightCurve
from gjax.datasets.map_dataset import MapDataset as MapDataset
from gjax.datasets.map_dataset_on_off import MapDatasetOnOff as MapDatasetOnOff
from gjax.datasets.map_stacking import stack_map_datasets as stack_map_datasets
from gjax.datasets.spectrum import SpectrumDataset as SpectrumDataset
from gjax.datasets.spectrum_on_off import SpectrumDatasetOnOff as SpectrumDatasetOnOff
from gjax.datasets.unbinned import UnbinnedDataset as UnbinnedDataset
