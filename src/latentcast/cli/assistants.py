"""Tools for assistants: mcp."""

from pathlib import Path
from typing import Annotated

import typer

from latentcast.cli.app import app
from latentcast.core.errors import MissingExtra


@app.command()
def mcp(
    folders: Annotated[
        list[str] | None, typer.Argument(metavar="[FOLDER…]", help="Saved models, as FOLDER or NAME=FOLDER.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option("--root", metavar="DIR", help="Files below it may be read; without it none.")
    ] = None,
) -> None:
    """Tools for assistants over the Model Context Protocol, on the standard streams."""
    try:
        import mcp.server  # noqa: F401
    except ImportError as error:
        raise MissingExtra(str(error.name), "mcp", "latentcast mcp") from error
    from latentcast.serving.models import Models
    from latentcast.serving.settings import Limits
    from latentcast.serving.tools.files import Root
    from latentcast.serving.tools.server import Tools, run

    run(Tools(Models.open(folders or []), Root(root), Limits()))
