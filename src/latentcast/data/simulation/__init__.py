"""A simulator of time series: vectorised, seeded, with named recipes."""

from latentcast.data.simulation.recipes import RECIPES
from latentcast.data.simulation.simulate import SimulatedChunk, chunks, draw_season, draw_second, simulate
from latentcast.data.simulation.table import simulate_table

__all__ = ["RECIPES", "SimulatedChunk", "chunks", "draw_season", "draw_second", "simulate", "simulate_table"]
