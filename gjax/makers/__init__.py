"""From observations to datasets: spectra, maps, background, safe ranges."""

from gjax.makers.exclusion import ExclusionMask as ExclusionMask
from gjax.makers.exclusion import ExclusionRegions as ExclusionRegions
from gjax.makers.finders import ReflectedRegionsFinder as ReflectedRegionsFinder
from gjax.makers.finders import WobbleRegionsFinder as WobbleRegionsFinder
from gjax.makers.fov_background import FoVBackgroundMaker as FoVBackgroundMaker
from gjax.makers.map_maker import MapDatasetMaker as MapDatasetMaker
from gjax.makers.off_regions import OffRegions as OffRegions
from gjax.makers.phase import PhaseBackgroundMaker as PhaseBackgroundMaker
from gjax.makers.reduce import DatasetsMaker as DatasetsMaker
from gjax.makers.reduce import ReducedRun as ReducedRun
from gjax.makers.reflected import ReflectedRegionsBackgroundMaker as ReflectedRegionsBackgroundMaker
from gjax.makers.ring import AdaptiveRingBackgroundMaker as AdaptiveRingBackgroundMaker
from gjax.makers.ring import RingBackgroundMaker as RingBackgroundMaker
from gjax.makers.safe import SafeMaskMaker as SafeMaskMaker
from gjax.makers.spectrum import SpectrumDatasetMaker as SpectrumDatasetMaker
