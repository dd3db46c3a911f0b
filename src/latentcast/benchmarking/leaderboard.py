"""benchmark: run datasets × horizons × models × seeds, each cell once, and tabulate."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from latentcast.benchmarking.engines import on_ray, on_this_machine
from latentcast.benchmarking.plan import Cell, Comparison, comparison_of, key, plan
from latentcast.benchmarking.results import Results
from latentcast.benchmarking.workers import Measured
from latentcast.core.cluster import Cluster, Engine, check_engine
from latentcast.core.errors import CheckpointError, Interrupted
from latentcast.core.nested import leaves
from latentcast.forecaster import storage
from latentcast.models.config.run import resolve_config
from latentcast.reporting.files import write_frame, write_text

CELLS, TABLE, PAGE, LOCK = "cells.jsonl", "table", "page.html", ".lock"


def benchmark(
    config: str | Path | Mapping[str, Any],
    *,
    out: str | Path,
    workers: int | None = None,
    threads: int | None = None,
    render: bool = False,
    report: Callable[[str], None] | None = None,
    engine: Engine = "local",
    address: str | None = None,
    cpus: float = 1,
    gpus: float = 0,
    retries: int = 3,
) -> Results:
    """Fit every model on every dataset, horizon and seed, judge the test part, and tabulate.

    Nothing is selected by the test part. A failed cell is reported, does not stop the others, and runs again the next
    time.

    Parameters
    ----------
    config
        YAML file or mapping with datasets, horizons, seeds, common, models, overrides, without, on and published
        (see `latentcast.benchmarking.plan.Comparison`).
    out
        Folder of cells.jsonl, table.md, table.csv and, at the end, page.html. Finished cells with equal settings and
        data are not run again, so that an interrupted or extended benchmark continues.
    workers
        Cells at a time, each in a process of its own. None: one per CUDA device, else one per `threads` cores. 0 runs
        them in this process. More than 0 in a script needs ``if __name__ == "__main__":``.
    threads
        Threads of each cell. None: 1, or with CUDA devices an equal share of the cores.
    render
        Run nothing; write tables and page again from finished cells.
    report
        Called with one line for each finished cell.
    engine
        `local`: processes of this machine. `ray`: tasks on a Ray cluster (extra `ray`), whose nodes all see the files
        of the datasets; `workers` None is then as many as there is room for, and `threads` follows `cpus`.
    address
        Address of a running Ray cluster. None starts one on this machine.
    cpus, gpus, retries
        Of each cell on Ray: cores, GPUs, and how often it is run again when its worker is lost.

    Returns
    -------
    Results
        Means over seeds, ranks, significance and the record of every cell.

    Raises
    ------
    SettingsError
        Every fault of every cell, before the first one runs.
    CheckpointError
        `out` cannot be written, or another benchmark is writing there.
    Interrupted
        Ctrl-C or SIGTERM; finished cells are kept.

    Examples
    --------
    >>> frame.to_csv(folder / "load.csv", index=False)
    >>> plan = {"datasets": [str(folder / "load.csv")], "horizons": [2], "seeds": [0]}
    >>> plan |= {"common": {"lookback": 48}, "models": {"naive": {}, "seasonal-naive": {}}}
    >>> results = latentcast.benchmark(plan, out=folder / "board", workers=0)
    >>> [(row.model, row.rank["MSE"]) for row in results.rows]
    [('naive', 2.0), ('seasonal-naive', 1.0)]
    """
    say = report or (lambda line: None)
    if engine == "local":
        run_cells = on_this_machine(workers, threads)
    else:
        check_engine(engine, cluster := Cluster(workers, address, cpus, gpus, retries))
        run_cells = partial(on_ray, cluster=cluster)
    comparison = comparison_of(config)
    cells = plan(comparison)
    folder = Path(out)
    storage.make_folder(folder, overwrite=False, resume=(folder / CELLS).is_file() or (folder / LOCK).is_file())
    with _alone(folder):
        return _run(cells, comparison, folder, run_cells, say, render=render)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock the folder against a second command. The lock ends with the process; its empty file stays."""
    try:
        with FileLock(folder / LOCK, timeout=0):
            yield
    except Timeout as error:
        raise CheckpointError(
            f"another comparison is writing to {folder}; wait for it, end it, or use another folder"
        ) from error


def _run(
    cells: tuple[Cell, ...],
    comparison: Comparison,
    folder: Path,
    run_cells: Callable[[list[Cell]], Measured],
    say: Callable[[str], None],
    *,
    render: bool,
) -> Results:
    """Run the missing cells, then write tables and page of all."""
    known = read(folder / CELLS)
    missing = {} if render else {c.key: c for c in cells if "error" in known.get(c.key, {"error": None})}
    finished = sum(cell.key not in missing for cell in cells)
    if finished:
        say(f"{finished} of {len(cells)} cells are finished already")
    ran = run_cells(list(missing.values()))
    began = time.monotonic()
    try:
        for number, (cell, record) in enumerate(ran, 1):
            _append(folder / CELLS, record)
            known[cell.key] = record
            _tabulate(_results(cells, known, comparison), folder)
            say(_progress(number, len(missing), cell, record, time.monotonic() - began))
    except (KeyboardInterrupt, Interrupted) as error:
        raise Interrupted(
            f"the comparison was interrupted; the cells that were finished are kept in {folder / CELLS}. Go on with the"
            " same command"
        ) from error
    finally:
        ran.close()
    results = _results(cells, known, comparison)
    _tabulate(results, folder)
    from latentcast.benchmarking.page import to_html  # here, since it brings matplotlib

    write_text(to_html(results), folder / PAGE)
    return results


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The lines of cells.jsonl by the key of their cell; a failure counts only while nothing succeeded.

    Settings are understood as they are now: one of data or training that is newer than the line has its default, and
    so has one of the model that adds nothing (none, an empty list, zero, a switch that is off). Left out are lines that
    were cut while they were written, that this version cannot understand, or whose model has otherwise other settings
    than it had then: it may not be the same model.
    """
    found: dict[str, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else ():
        try:
            record = json.loads(line)
            run = resolve_config(record["settings"])
            then, now = (dict(leaves(settings["model"])) for settings in (record["settings"], run.dump()))
            if then.keys() - now.keys() or any(now[name] not in (None, [], False) for name in now.keys() - then.keys()):
                continue
            on = [(name, its["fingerprint"]) for name, its in record.get("on", {}).items()]
            its = key(run, record["fingerprint"], on, record["part"])
        except (ValueError, KeyError, TypeError, AttributeError):  # SettingsError is a ValueError
            continue
        if "error" not in record or "error" in found.get(its, record):
            found[its] = record
    return found


def _append(path: Path, record: Mapping[str, Any]) -> None:
    """One line, on the disk before anything else happens; after a line that was cut it begins a new one.

    Raises CheckpointError when it cannot be written.
    """
    line = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        with path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = "\n" + line
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be written: {error.strerror or error}; what was finished before is kept, and the same"
            " command goes on from there"
        ) from error


def _results(cells: tuple[Cell, ...], known: Mapping[str, Mapping[str, Any]], comparison: Comparison) -> Results:
    return Results(cells, tuple(known.get(cell.key) for cell in cells), comparison.published, comparison.without)


def _tabulate(results: Results, folder: Path) -> None:
    write_text(results.to_markdown(), folder / f"{TABLE}.md")
    write_frame(results.frame(), folder / f"{TABLE}.csv")


def _progress(number: int, of: int, cell: Cell, record: Mapping[str, Any], seconds: float) -> str:
    if "error" in record:
        found = f"failed: {record['error']}"
    else:
        scaled, training = record["test"]["scaled"], record["training"]
        found = ", ".join(f"{name} {scaled[name]:.4f}" for name in ("MSE", "MAE") if scaled[name] is not None)
        found += f" ({training['seconds']:.1f} s)" if training else ""
    left = f"; about {_duration(seconds / number * (of - number))} left" if number < of else ""
    return f"{number} of {of}: {cell}: {found}{left}"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


__all__ = ["Results", "benchmark"]
