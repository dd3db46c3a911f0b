"""Limits of jobs, and of the uploads that they are made on."""

from typing import Annotated

from pydantic import Field

from latentcast.core.settings import Settings
from latentcast.serving.settings import Limits


class JobSettings(Settings):
    """How many jobs run and wait, how long they may take, and how long their files are kept.

    workers         processes for fits, forecasts and backtests; one more reads uploads and explains
    waiting         jobs that wait for a process; a further one is refused (429)
    uploads         files that are held at the same time; a further one is refused (429)
    rows, columns, series   of a table, after it is unpacked
    keep_seconds    after this time without use, an upload or a finished job is deleted with its files
    seconds         after this time a running job is ended
    quick_seconds   the same for reading an upload and for explanations
    memory_mib      memory of a job's process
    disk_mib        size of any file that a job writes
    """

    workers: Annotated[int, Field(ge=1, le=64)] = 1
    waiting: Annotated[int, Field(ge=1, le=1000)] = 8
    uploads: Annotated[int, Field(ge=1, le=1000)] = 32
    rows: Annotated[int, Field(ge=1)] = 5_000_000
    columns: Annotated[int, Field(ge=1)] = 20_000
    series: Annotated[int, Field(ge=1)] = 20_000
    keep_seconds: Annotated[float, Field(gt=0)] = 3600.0
    seconds: Annotated[float, Field(gt=0)] = 1800.0
    quick_seconds: Annotated[float, Field(gt=0)] = 120.0
    memory_mib: Annotated[int, Field(ge=256)] = 8192
    disk_mib: Annotated[int, Field(ge=16)] = 1024

    def reading(self, limits: Limits) -> Limits:
        """The limits of a server, for the process that reads an upload of a job: jobs take larger tables."""
        larger = {"rows": self.rows, "columns": self.columns, "series": self.series, "parse_seconds": 60}
        return limits.model_copy(update={**larger, "unpacked_bytes": 2**30, "parse_bytes": 3 * 2**30})
