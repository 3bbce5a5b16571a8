"""From observations to datasets: spectra, background regions, safe ranges."""

from gjax.makers.exclusion import ExclusionMask as ExclusionMask
from gjax.makers.exclusion import ExclusionRegions as ExclusionRegions
from gjax.makers.finders import ReflectedRegionsFinder as ReflectedRegionsFinder
from gjax.makers.finders import WobbleRegionsFinder as WobbleRegionsFinder
from gjax.makers.off_regions import OffRegions as OffRegions
from gjax.makers.reduce import DatasetsMaker as DatasetsMaker
from gjax.makers.reduce import ReducedRun as ReducedRun
from gjax.makers.reflected import ReflectedRegionsBackgroundMaker as ReflectedRegionsBackgroundMaker
from gjax.makers.safe import SafeMaskMaker as SafeMaskMaker
from gjax.makers.spectrum import SpectrumDatasetMaker as SpectrumDatasetMaker
