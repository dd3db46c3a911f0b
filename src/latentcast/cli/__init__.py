"""The command line: parse, call the library, print. Nothing heavy is imported before a command runs."""

# commands in the order of --help
from latentcast.cli import forecast, train, tune, predict, evaluate, inspect, generalist, published, export, serve  # noqa: F401, I001
from latentcast.cli import assistants  # noqa: F401
from latentcast.cli.app import app, main

__all__ = ["app", "main"]
