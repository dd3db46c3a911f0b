"""The server process: uvicorn around the app, ended by SIGTERM after the requests under way are answered."""

import uvicorn

from latentcast.serving.app import create_app
from latentcast.serving.models import Models
from latentcast.serving.settings import ServeSettings


def run(models: Models, settings: ServeSettings) -> None:
    """Serve until SIGTERM or Ctrl-C. Requests under way are answered, new connections refused."""
    uvicorn.run(
        create_app(models, settings),
        host=settings.host,
        port=settings.port,
        log_level="info",
        server_header=False,
        date_header=True,
        ws="none",
        timeout_graceful_shutdown=int(settings.limits.seconds) + 1,
    )
