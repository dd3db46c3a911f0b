"""The page of the command line, made of the commands' own help when the site is built."""

from typing import Any

import typer.main
from mkdocs.structure.files import File

from latentcast.cli import app

HEAD = """# Command line

`latentcast COMMAND --help` shows the same text. `--set` reaches every setting: `--set training.lr=1e-3`.
"""


def on_files(files: Any, config: Any) -> Any:
    files.append(File.generated(config, "reference/commands.md", content=page()))
    return files


def page() -> str:
    """Every command: what it does, its arguments and its options."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("latentcast", ["--help"], resilient_parsing=True)
    return "\n".join([HEAD, *(_section(name, group.commands[name], context) for name in group.list_commands(context))])


def _section(name: str, command: Any, parent: Any) -> str:
    context = type(parent)(command, info_name=name, parent=parent)
    usage = " ".join(command.collect_usage_pieces(context))
    for typed, plain in (("{", ""), ("}", ""), ("[[", "["), ("]]", "]"), ("]...", "]")):
        usage = usage.replace(typed, plain)
    lines = [f"## {name}", "", (command.help or "").strip(), "", "```", f"latentcast {name} {usage}", "```", ""]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    lines += ["| option | default | |", "|---|---|---|"]
    for option in options:
        names = ", ".join(f"`{each}`" for each in option.opts)
        default = "" if option.default in (None, False, ()) or callable(option.default) else f"`{option.default}`"
        lines.append(f"| {names} | {default} | {_plain(option.help or '')} |")
    return "\n".join([*lines, ""])


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
