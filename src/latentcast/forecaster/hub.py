"""Saved forecasters at addresses: folders behind fsspec, and repositories of a model hub (`hf://org/name@revision`).

Only the files that `storage` writes are fetched, each by its own name: no code, no pickle and no other name of a
repository reaches this machine.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from latentcast.core.errors import CheckpointError, DataError, Fault, MissingExtra, SettingsError
from latentcast.data.sources.remote import Address, address_of, remote_errors
from latentcast.forecaster import storage
from latentcast.forecaster.linear.address import LINEAR

FILES = (
    storage.WEIGHTS, storage.SERIES, storage.STATISTICS, storage.INTERVALS, LINEAR, storage.CARD
)  # fmt: skip  # the card last
MODEL_CARD = "README.md"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY = re.compile(r"([\w.-]+/[\w.-]+?)(?:@(.+))?")


@contextmanager
def opened(folder: str | Path) -> Iterator[Path]:
    """The saved folder as a local one; what is fetched from an address is there for the length of the block.

    Raises CheckpointError when nothing can be fetched; errors within the block name the address.
    """
    address = _address(folder)
    if address is None:
        yield Path(folder)
    elif address.scheme == "file":
        yield Path(address.path)
    elif address.scheme == "hf":
        with _naming(address, local := _snapshot(address)):
            yield local
    else:
        with TemporaryDirectory(prefix="latentcast-") as made, _naming(address, Path(made)):
            _fetch(address, Path(made))
            yield Path(made)


def local_or_address(folder: str | Path) -> Path | Address:
    """Where `save` writes. Raises SettingsError for a hub, which takes commits and not files."""
    address = _address(folder)
    if address is None:
        return Path(folder)
    if address.scheme == "hf":
        raise SettingsError(Fault("folder", f"={folder}: a hub takes commits; use push_to_hub({address.path!r})"))
    return Path(address.path) if address.scheme == "file" else address


def upload(made: Path, address: Address, *, overwrite: bool) -> None:
    """Copy a saved folder to an address, the card last: it makes the folder whole.

    Raises CheckpointError when something is there that was not to be replaced, or when it cannot be written.
    """
    with _as_checkpoint_error(), remote_errors(address, "written"):
        files = address.file_system()
        there = {Path(name).name for name in files.ls(address.path, detail=False)} if files.isdir(address.path) else ()
        if there and not overwrite:
            raise CheckpointError(f"{address} exists and is not empty; use another folder, or say --overwrite")
        if there and storage.CARD not in there:
            raise CheckpointError(f"{address} holds files, and latentcast wrote none of them: use another folder")
        files.makedirs(address.path, exist_ok=True)
        for name in FILES:
            remote = f"{address.path}/{name}"
            if (made / name).is_file():
                files.put_file(str(made / name), remote)
            elif name in there:
                files.rm_file(remote)


def repository(repo: str) -> str:
    """The name of a repository, without `hf://` before it. Raises SettingsError for anything else."""
    name = str(repo).removeprefix("hf://")
    if not _REPOSITORY.fullmatch(name) or "@" in name:
        raise SettingsError(Fault("repo", f"={repo}: wanted the name of a repository, as org/name"))
    return name


def push(made: Path, name: str, *, revision: str | None, private: bool | None, message: str) -> str:
    """Commit a saved folder with its model card to a repository, and return the address of the commit.

    Raises MissingExtra without huggingface_hub, CheckpointError when the hub refuses.
    """
    hub = _hub(f"push_to_hub({name!r})")
    with _as_checkpoint_error(), remote_errors(f"hf://{name}", "written"):
        api = hub.HfApi(library_name="latentcast", endpoint=os.environ.get("HF_ENDPOINT"))
        api.create_repo(name, private=private, exist_ok=True)
        if revision is not None:
            api.create_branch(name, branch=revision, exist_ok=True)
        there = {name for name in api.list_repo_files(name, revision=revision) if name in FILES}
        own = [each for each in (*FILES, MODEL_CARD) if (made / each).is_file()]
        # one commit: `upload_folder` may make several, of which the first lacks files
        operations = [hub.CommitOperationAdd(path_in_repo=each, path_or_fileobj=made / each) for each in own]
        operations += [hub.CommitOperationDelete(path_in_repo=each) for each in sorted(there - set(own))]
        commit = api.create_commit(name, operations, revision=revision, commit_message=message)
    return f"hf://{name}@{commit.oid}"


def _snapshot(address: Address) -> Path:
    """The folder of the hub's own cache that holds a revision. Raises CheckpointError."""
    found = _REPOSITORY.fullmatch(address.path)
    if found is None:
        raise CheckpointError(f"{address}: wanted hf://org/name, or hf://org/name@revision")
    hub, endpoint = _hub(str(address)), os.environ.get("HF_ENDPOINT")
    with _as_checkpoint_error(), remote_errors(address):
        api = hub.HfApi(library_name="latentcast", endpoint=endpoint)
        revision = api.resolve_revision(found[1], revision=found[2])
        # the package makes paths of it
        if not _COMMIT.fullmatch(revision.resolved):
            raise CheckpointError(f"{address}: the hub names {revision.resolved[:60]!r} as its commit, which is none")
        folder = Path(
            hub.snapshot_download(
                found[1],
                revision=revision,
                allow_patterns=[*FILES],
                library_name="latentcast",
                endpoint=endpoint,
            )
        )
    if not (folder / storage.CARD).is_file():
        raise CheckpointError(f"{address} was not written by latentcast: there is no {storage.CARD} in it")
    return folder


def _fetch(address: Address, folder: Path) -> None:
    with _as_checkpoint_error(), remote_errors(address):
        files = address.file_system()
        for name in FILES:
            remote = f"{address.path}/{name}"
            if files.isfile(remote):
                files.get_file(remote, str(folder / name))
        if not (folder / storage.CARD).is_file():
            raise CheckpointError(f"{address} was not written by latentcast: there is no {storage.CARD} in it")


def _address(folder: str | Path) -> Address | None:
    with _as_checkpoint_error():
        return address_of(folder)


def _hub(needed_for: str) -> Any:
    if find_spec("huggingface_hub") is None:
        raise MissingExtra("huggingface_hub", "hub", needed_for)
    import huggingface_hub

    return huggingface_hub


@contextmanager
def _as_checkpoint_error() -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise CheckpointError(str(error)) from error


@contextmanager
def _naming(address: Address, local: Path) -> Iterator[None]:
    """Errors about the local copy name the address."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(str(error).replace(str(local), str(address))) from error
