"""Simulated observations: events drawn from models and instrument responses."""

from gjax.simulate.demo_array import demo_array as demo_array
from gjax.simulate.events import PointSource as PointSource
from gjax.simulate.events import sample_background as sample_background
from gjax.simulate.events import sample_source as sample_source
from gjax.simulate.observation import simulate_observation as simulate_observation
from gjax.simulate.observation import wobble_pointings as wobble_pointings
