"""The command that writes a fitted model as a graph for other runtimes."""

from pathlib import Path
from typing import Annotated

import typer

from latentcast.cli.app import app
from latentcast.cli.options import Folder, Overwrite
from latentcast.cli.output import print_line


@app.command()
def export(
    folder: Folder,
    file: Annotated[Path, typer.Option("--out", help="File to write: .onnx, or .pt2 for torch-export.")],
    to: Annotated[str, typer.Option("--to", help="onnx (predict reads it without torch) or torch-export.")] = "onnx",
    quantise: Annotated[
        str | None, typer.Option("--quantise", help="int8: weights in eight bits, a smaller and less exact file.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the model in DIR as a graph: values in, values out."""
    from latentcast.workflows.load import load_folder

    load_folder(folder).export(file, to=to, quantise=quantise, overwrite=overwrite)
    size = file.stat().st_size / 2**20
    print_line(f"{file}: {size:.2f} MiB, {to}{'' if quantise is None else f', {quantise}'}")
