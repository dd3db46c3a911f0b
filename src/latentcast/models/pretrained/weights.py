"""Weights that ship with the package, or lie in a folder: safetensors beside a card, checked by digest."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from latentcast.core.atomic import replacing, write_text
from latentcast.core.bounded_json import parse_json
from latentcast.core.errors import CheckpointError
from latentcast.models.pretrained.candidates import FIRST, NAMES
from latentcast.models.pretrained.network import LEVELS, Weights, known

SHIPPED = Path(__file__).parent / "shipped"


def load_weights(name: str = "small") -> Weights:
    """Weights by name, or of a folder that `latentcast pretrain --model generalist` wrote.

    Parameters
    ----------
    name
        A name among the shipped ones (`small`), or the path of a folder.

    Raises
    ------
    CheckpointError
        When there are none, when their digest is not that of the card, or when they belong to another version of the
        candidates.
    """
    return _load(_place(name))


def read_card(name: str = "small") -> dict[str, Any]:
    """The model card beside the weights: what they learned from, when, their sizes and figures."""
    return _card_beside(_place(name))


def _card_beside(path: Path) -> dict[str, Any]:
    beside = path.with_suffix(".json")
    try:
        card = parse_json(beside.read_text(encoding="utf-8"))
        if not isinstance(card, dict) or not {"sha256", "candidates", "levels"} <= card.keys():
            raise ValueError("wanted an object with sha256, candidates and levels")
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{beside}, the card of generalist weights, is missing or damaged: {error}; copy the folder again, or"
            " pretrain again"
        ) from error
    return card


def _place(name: str) -> Path:
    shipped = SHIPPED / f"{name}.safetensors"
    if shipped.exists():
        return shipped
    folder = Path(name)
    if (folder / "generalist.safetensors").exists():
        return folder / "generalist.safetensors"
    names = ", ".join(sorted(path.stem for path in SHIPPED.glob("*.safetensors")))
    raise CheckpointError(
        f"no generalist weights at {name!r}: wanted {names}, or a folder of 'latentcast pretrain --model generalist'"
    )


@lru_cache(maxsize=4)
def _load(path: Path) -> Weights:
    card = _card_beside(path)
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != card["sha256"]:
        raise CheckpointError(
            f"{path.name} has the digest {digest[:12]}…, its card says {str(card['sha256'])[:12]}…: the file is damaged"
            " or was replaced; install the package again, or pretrain again"
        )
    if card["candidates"] not in (list(NAMES), list(NAMES[:FIRST])) or card["levels"] != list(LEVELS):
        raise CheckpointError(
            f"{path.name} was trained for other candidates or quantiles than this version has: take the weights that"
            " this version ships, or pretrain again"
        )
    try:
        return {name: value.astype(np.float32) for name, value in load(content).items()}
    except SafetensorError as error:
        raise CheckpointError(f"{path} cannot be read: {error}; copy the folder again, or pretrain again") from error


def write_weights(path: Path, weights: Weights, card: dict[str, Any]) -> None:
    """Writes weights and their card; the card gets the digest, the candidates and the levels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = save({name: np.ascontiguousarray(value) for name, value in weights.items() if value.size})
    with replacing(path) as part:
        part.write_bytes(content)
    whole = {
        **card,
        "parameters": int(sum(value.size for name, value in weights.items() if "." in name)),
        "sha256": hashlib.sha256(content).hexdigest(),
        "candidates": list(NAMES[: known(weights)]),
        "levels": list(LEVELS),
    }
    write_text(path.with_suffix(".json"), json.dumps(whole, indent=1) + "\n")
