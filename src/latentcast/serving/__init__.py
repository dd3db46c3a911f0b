"""Saved forecasters over HTTP: the app, its protection, its routes, and requests forecast together."""
