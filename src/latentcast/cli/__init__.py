"""The command line: parse, call the library, print. Nothing heavy is imported before a command runs."""

from latentcast.cli import forecast, train, tune, predict, evaluate, inspect, generalist, published, export, serve, assistants  # noqa: F401, I001  (commands in the order of --help)
from latentcast.cli.app import app, main

__all__ = ["app", "main"]
