"""The app, and what becomes of an error: one message, an exit code, and the option that sets what it asks for."""

import errno
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Annotated

import typer

from latentcast.cli.options import OF_DATA
from latentcast.cli.output import err, print_line
from latentcast.core.assignments import assignment, option
from latentcast.core.errors import DataError, Interrupted, LatentcastError

# new objects between two collections: what imports make stays, and going through it costs a tenth of a short command
COLLECTED_AFTER = 300_000

app = typer.Typer(
    help="Forecast time series in a learned representation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print_line(f"latentcast {version('latentcast')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Forecast time series in a learned representation."""


def main() -> None:
    """Run the command line; errors of the library are one message and exit code 1, without a traceback.

    Training that was interrupted ends with 130, as the shell counts Ctrl-C.
    """
    gc.set_threshold(COLLECTED_AFTER)
    if sys.argv[1:] in ([], ["--help"]):
        _without_parameters()
    pressed = _noticing_ctrl_c()
    try:
        app()
    except (LatentcastError, OSError) as error:
        _show(error)
        sys.exit(130 if isinstance(error, Interrupted) else 1)
    except Exception:
        if not pressed:
            raise
        # a package whose import was cut by Ctrl-C may swallow it and fail in its own way a moment later
        err.print("interrupted", highlight=False)
        sys.exit(130)


def _without_parameters() -> None:
    """Leave names and texts of the commands: their list shows nothing else, and reading all options takes time."""
    for command in app.registered_commands:
        assert command.callback is not None
        named: Callable[[], None] = lambda: None  # noqa: E731
        named.__name__, named.__doc__ = command.callback.__name__, command.callback.__doc__
        command.callback = named


def _show(error: Exception) -> None:
    """The error's text and how to fix it; without colours where these cannot be had."""
    try:
        text = f"{error}{_as_an_option(error)}"
        err.print("[bold red]error:[/] ", end="")
        err.print(text, markup=False, soft_wrap=True, highlight=False)
    except OSError:  # the printer reads files of its own
        sys.stderr.write(f"error: {error}\n")
    if _lacks_handles(error):
        sys.stderr.write("This process may open too few files at a time: raise the limit, for example ulimit -n 1024\n")


def _lacks_handles(error: BaseException | None) -> bool:
    while error is not None:
        lacking = isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)
        if lacking or os.strerror(errno.EMFILE) in str(error):  # torch raises a RuntimeError with the text
            return True
        error = error.__cause__ or error.__context__
    return False


def _noticing_ctrl_c() -> list[int]:
    """A list that gets an entry at each Ctrl-C, which still raises KeyboardInterrupt."""
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.default_int_handler(number, frame)

    on_main = threading.current_thread() is threading.main_thread()
    if on_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, note)
    return pressed


def _as_an_option(error: Exception) -> str:
    """The library speaks of data.gaps; on a command line that is --gaps, or --set data.steps=…, where it is taken."""
    takes = {"forecast", "fit", "pretrain", "backtest", "describe", "reconstruction-error", "ablate"}
    if "--transfer" in sys.argv:
        takes |= {"predict", "evaluate"}
    if not takes & set(sys.argv[1:2]) or not isinstance(error, DataError) or error.setting is None:
        return ""
    room, _, key = error.setting.partition(".")
    values = error.values
    if room == "data" and (key in OF_DATA or (key == "fraction" and sys.argv[1] in ("fit", "pretrain"))):
        return f"\n(as an option: {option(key, *values) if values else f'--{key} …'})"
    if values in (("true",), ("false",)) and key == "snap":  # no text
        return f"\n(as an option: --set {error.setting}={values[0]})"
    return f"\n(as an option: --set {assignment(error.setting, *values) if values else f'{error.setting}=…'})"
