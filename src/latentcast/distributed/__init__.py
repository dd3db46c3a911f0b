"""Forecasts of more series than one table holds, in parts: in this process, in several, or on a Ray cluster."""
