"""What the routes of one server share: the models, the settings, the work and the reader of uploads."""

from dataclasses import dataclass

from latentcast.serving.models import Models
from latentcast.serving.settings import ServeSettings
from latentcast.serving.uploads.read import Reader
from latentcast.serving.work import Work


@dataclass(frozen=True)
class Services:
    """Shared by all routes; closed when the server ends."""

    models: Models
    settings: ServeSettings
    work: Work
    reader: Reader

    @classmethod
    def start(cls, models: Models, settings: ServeSettings) -> "Services":
        """Start the threads and the process behind the routes."""
        return cls(models, settings, Work(settings.limits), Reader(settings.limits))

    def close(self) -> None:
        """End them."""
        self.work.close()
        self.reader.close()
