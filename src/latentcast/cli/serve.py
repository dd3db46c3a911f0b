"""Saved models over HTTP: serve."""

import os
from typing import Annotated

import typer

from latentcast.cli.app import app
from latentcast.cli.output import print_line
from latentcast.core.errors import MissingExtra, SettingsError


@app.command()
def serve(
    folders: Annotated[
        list[str] | None, typer.Argument(metavar="FOLDER…", help="Saved or exported models, as FOLDER or NAME=FOLDER.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen at; not loopback: a token is required.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option("--port", help="Port to listen at.")] = 8000,
    allowed: Annotated[
        list[str] | None, typer.Option("--allowed-host", help="A name that the Host header may hold; again for more.")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads that models compute with.")] = 1,
    limits: Annotated[
        list[str] | None, typer.Option("--limit", metavar="KEY=VALUE", help="A limit of one request, as rows=50000.")
    ] = None,
    workbench: Annotated[bool, typer.Option("--workbench", help="With the page at / and jobs.")] = False,
    job_limits: Annotated[
        list[str] | None,
        typer.Option("--job-limit", metavar="KEY=VALUE", help="A limit of the workbench's jobs, as keep_seconds=600."),
    ] = None,
) -> None:
    """Forecasts of saved models over HTTP. The environment variable LATENTCAST_TOKEN holds the bearer token."""
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtra(str(error.name), "serve", "latentcast serve") from error
    from latentcast.core.parsing import parse_assignments
    from latentcast.core.settings import validate
    from latentcast.serving.jobs.settings import JobSettings
    from latentcast.serving.models import Models
    from latentcast.serving.run import run
    from latentcast.serving.settings import TOKEN, ServeSettings

    given = {
        "limits": parse_assignments(limits or []),
        "host": host,
        "port": port,
        "hosts": allowed or (),
        "workbench": workbench,
    }
    settings = validate(ServeSettings, {**given, "token": os.environ.pop(TOKEN, None) or None})
    if job_limits and not workbench:
        raise SettingsError("--job-limit is read with --workbench alone: jobs are there with it")
    jobs = validate(JobSettings, parse_assignments(job_limits or []))
    if not folders and not workbench:
        raise SettingsError("name the folder of a saved model, or serve the workbench (--workbench)")
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read by what computes, when it is loaded
    models = Models.open(folders or [])
    offered = ", ".join([*models, *["the workbench"] * workbench])
    print_line(f"serving {offered} at http://{host}:{port} (its description: /openapi.json)")
    run(models, settings, jobs)
