"""TiRex-2 (Auer et al. 2025), by the package tirex-2."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from latentcast.core.bounded_json import parse_json
from latentcast.core.errors import Fault, SettingsError
from latentcast.models.foundation.member import FoundationModel, FoundationSettings
from latentcast.models.foundation.protocol import Adapter

FILES = ("config.json", "model.safetensors")


class TiRexSettings(FoundationSettings):
    __doc__ = FoundationSettings.__doc__

    checkpoint: str = "NX-AI/TiRex-2"


class TiRex(FoundationModel):
    """TiRex-2, an xLSTM over patches."""

    Settings = TiRexSettings
    name = "tirex"
    package = ("tirex2", "tirex-2", "tirex")

    @classmethod
    def load(cls, settings: FoundationSettings) -> Adapter:
        """Load the weights of a folder or a hub."""
        from tirex2 import load_model

        folder = _folder(settings)
        _check_activation(folder)
        return _Model(load_model(folder, device="cpu"))


def _folder(settings: FoundationSettings) -> Path:
    """The weights as safetensors, and nothing else of a repository."""
    folder = Path(settings.checkpoint).expanduser()
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(settings.checkpoint, revision=settings.revision, allow_patterns=[*FILES]))


def _check_activation(folder: Path) -> None:
    """The package would import any module that the configuration names. Raises SettingsError for such a name."""
    named = parse_json((folder / FILES[0]).read_text(encoding="utf-8")).get("act_func")
    if not isinstance(named, str) or not named.isidentifier():
        text = f": {folder} names {str(named)[:60]!r} as its activation; wanted the name of a class of torch.nn"
        raise SettingsError(Fault("checkpoint", text))


class _Model:
    """The package cuts a horizon beyond its own without an error, so that longer ones are forecast block by block."""

    least = 1
    notes: tuple[str, ...] = ()

    def __init__(self, model: Any) -> None:
        self.model = model
        self.module: nn.Module = model.model
        self.levels = tuple(round(float(level), 6) for level in model.model.quantiles)
        self.context, self.at_once = int(model.model.context_len), int(model.model.future_len)

    def predict_quantiles(self, context: Tensor, horizon: int) -> Tensor:
        blocks: list[Tensor] = []
        median = self.levels.index(0.5)
        for start in range(0, horizon, self.at_once):
            block = self._block(context, min(self.at_once, horizon - start))
            blocks.append(block)
            context = torch.cat([context, block[..., median]], 1)
        return torch.cat(blocks, 1)

    def _block(self, context: Tensor, steps: int) -> Tensor:
        from tirex2 import TimeseriesType

        series = [TimeseriesType(row[None], None, None) for row in context]
        found = self.model.forecast(series, steps, output_type="torch")
        return torch.stack([one[0].T for one in found]).cpu()  # each [targets, levels, steps]
