"""Processes that read one upload each and end: they limit themselves, read one file, and write an Arrow stream.

They are forked from one process that has imported what they need. Each reads a line of JSON (its order) and the bytes
of the file from one pipe, and writes a line of JSON (an error, or null) and the table into another.
"""

import errno
import json
import os
import resource
import signal
import socket
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from latentcast.core.errors import DataError
from latentcast.data.sources.files import first_line, read_file
from latentcast.data.sources.formats import FORMATS


class TooLarge(Exception):
    """A table beyond a limit: its name, the largest value, and the sentence."""


def limit(order: dict[str, Any]) -> None:
    """Memory, processor time, real time and sizes of files, from here on."""
    mapped = Path("/proc/self/statm")  # the limit is on addresses, of which imports took some
    used = int(mapped.read_text().split()[0]) * resource.getpagesize() if mapped.exists() else 0
    for which, most in (
        (resource.RLIMIT_AS, used + order["parse_bytes"]),
        (resource.RLIMIT_CPU, int(resource.getrusage(resource.RUSAGE_SELF).ru_utime) + order["parse_seconds"] + 1),
        (resource.RLIMIT_FSIZE, max(order["unpacked_bytes"], order["bytes"])),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(which, (most, most))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, order["seconds"])


def table_in(path: Path, order: dict[str, Any]) -> pa.Table:
    """The table of a file. Raises DataError or TooLarge."""
    if path.suffix.lower() in (".parquet", ".pq"):
        _check_parquet(path, order)
    frame = read_file(path)
    _check(len(frame), len(frame.columns), order)
    frame.columns = frame.columns.map(str)
    for at, name in enumerate(frame.columns):
        if pd.api.types.is_object_dtype(frame.dtypes.iloc[at]):
            frame.isetitem(at, [_plain(value) for value in frame.iloc[:, at]])
        if frame.columns.tolist().count(name) > 1:
            raise DataError(f"the column {name!r} is there twice; give each column a name of its own")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    if table.nbytes > order["unpacked_bytes"]:
        raise TooLarge("unpacked_bytes", order["unpacked_bytes"], "the table is too large when it is unpacked")
    return table


def _check(rows: int, columns: int, order: dict[str, Any]) -> None:
    for name, found in (("rows", rows), ("columns", columns)):
        if found > order[name]:
            raise TooLarge(
                name, order[name], f"the table has {found} {name}, and this server takes {order[name]}; send fewer"
            )


def _check_parquet(path: Path, order: dict[str, Any]) -> None:
    """A file of few bytes may promise any number of rows: its footer is read before its pages."""
    try:
        footer = pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return  # reading the file reports the fault
    _check(footer.num_rows, footer.num_columns, order)
    groups = [footer.row_group(at).total_byte_size for at in range(footer.num_row_groups)]
    if sum(groups) > order["unpacked_bytes"]:
        raise TooLarge("unpacked_bytes", order["unpacked_bytes"], "the table is too large when it is unpacked")


def _plain(value: Any) -> Any:
    """Text, or nothing: a column of mixed kinds has one kind in Arrow."""
    if value is None or isinstance(value, str):
        return value
    return None if value is pd.NaT or value != value else str(value)


def outcome(path: Path, order: dict[str, Any]) -> tuple[pa.Table | None, list[Any] | None]:
    """The table of a file, or what is wrong with it."""
    try:
        return table_in(path, order), None
    except TooLarge as large:
        return None, ["too-large", *large.args]
    except MemoryError:
        return None, ["too-large", "parse_bytes", order["parse_bytes"], "reading the upload takes too much memory"]
    except DataError as fault:
        beyond = isinstance(fault.__cause__, OSError) and fault.__cause__.errno == errno.EFBIG
        if beyond:
            return None, ["too-large", "unpacked_bytes", order["unpacked_bytes"], "the upload is too large unpacked"]
        text = str(fault).replace(str(path), "the upload").replace(f"{order['folder']}{os.sep}", "")
        return None, ["data", text]
    except Exception as fault:  # a file that makes its reader fail in some other way is still the client's
        return None, ["data", f"the upload cannot be read ({type(fault).__name__}: {first_line(fault)[:200]})"]


def serve_one(given: BinaryIO, answer: BinaryIO) -> None:
    """Read one order and one file, and answer with a line of JSON and the table."""
    order = json.loads(given.readline())
    tempfile.tempdir = order["folder"]  # the server removes it, also where this process is killed
    path = Path(order["folder"]) / f"upload{order['suffix']}"
    path.write_bytes(given.read())
    limit(order)
    table, error = outcome(path, order)
    answer.write(json.dumps(error).encode() + b"\n")
    if table is not None:
        with pa.ipc.new_stream(answer, table.schema) as stream:
            stream.write_table(table)
    answer.flush()


def main() -> None:
    """Fork a process for each pair of pipes that comes through the socket at standard input, until that closes."""
    pa.set_cpu_count(1)
    for each in FORMATS:
        each.load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended: what they wrote says it
    with socket.socket(fileno=os.dup(0)) as server:
        while True:
            message, pipes, _, _ = socket.recv_fds(server, 1, 2)
            if not message:
                return
            if os.fork() == 0:
                break
            for pipe in pipes:
                os.close(pipe)
    try:
        with os.fdopen(pipes[0], "rb") as given, os.fdopen(pipes[1], "wb") as answer:
            serve_one(given, answer)
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
