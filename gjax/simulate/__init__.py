"""Simulated data: counts that a likelihood expects, and events drawn from models and instrument responses."""

from gjax.simulate.datasets import asimov_datasets as asimov_datasets
from gjax.simulate.datasets import simulate_datasets as simulate_datasets
from gjax.simulate.demo_array import demo_array as demo_array
from gjax.simulate.events import PointSource as PointSource
from gjax.simulate.events import sample_background as sample_background
from gjax.simulate.events import sample_source as sample_source
from gjax.simulate.observation import simulate_events as simulate_events
from gjax.simulate.observation import simulate_observation as simulate_observation
from gjax.simulate.observation import wobble_pointings as wobble_pointings
from gjax.simulate.sky_events import sample_model as sample_model
from gjax.simulate.toys import ToyFits as ToyFits
from gjax.simulate.toys import Toys as Toys
from gjax.simulate.toys import draw_toys as draw_toys
