"""Fuse several representations of the same patches token by token, such as wavelet, scales and frequency."""

from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field, field_validator
from torch import nn

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.protocols import LeavesViews, Representation
from latentcast.core.settings import Part, ReadWith, Settings
from latentcast.core.types import Batch, Task, Tokens
from latentcast.layers.view_fusion import Fuse, FuseAt, Fusion, Unfused
from latentcast.models.representations import REPRESENTATIONS


class ViewsSettings(Settings):
    """views are representations by name, each with its own settings; fusion and fuse_at as of `multi-scale`, the finest
    first."""

    parts = {"views": REPRESENTATIONS}  # noqa: RUF012
    views: tuple[Part, ...] = ()
    fusion: Fusion = "gate"
    fusion_heads: Annotated[int, Field(ge=1)] = 4
    fuse_at: FuseAt = "patches"
    read_with: ClassVar[ReadWith] = {"fusion_heads": ("fusion", ("attention",))}

    @field_validator("views")
    @classmethod
    def _several(cls, views: tuple[Part, ...]) -> tuple[Part, ...]:
        if len(views) < 2:
            raise ValueError("wanted two representations or more, for example [wavelet, multi-scale]")
        return views


class Views(nn.Module):
    """Raises SettingsError when the representations do not make as many tokens of the same width, make queries, or
    leave views of their own to a language model.
    """

    Settings = ViewsSettings
    query_tokens = 0

    def __init__(self, settings: ViewsSettings, task: Task) -> None:
        super().__init__()
        made: list[Any] = []
        for place, part in enumerate(settings.views):
            try:
                made.append(REPRESENTATIONS.get(part.name)(part.settings, task))
            except SettingsError as error:
                raise error.below(f"views.{place}.") from error
        _check_fused(made)
        said = [_sizes(one, task) for one in made]
        if len(set(said)) > 1 or made[0].query_tokens:
            each = "; ".join(f"{part.name}: {size}" for part, size in zip(settings.views, said, strict=True))
            raise SettingsError(
                Fault("views", f": wanted as many tokens of one width from each, and no queries; got {each}")
            )
        self.names = [part.name for part in settings.views]
        apart, width = settings.fuse_at == "llm", made[0].width
        self.unfused = Unfused(settings.fusion, settings.fusion_heads, tuple(self.names)) if apart else None
        self.width, self.folds_channels = width * len(made) if apart else width, made[0].folds_channels
        self.uses_known = any(one.uses_known for one in made)
        self.views = nn.ModuleList(made)
        self.fuse = None if apart else Fuse(settings.fusion, len(made), width, settings.fusion_heads, self.names)

    def facts(self, task: Task) -> dict[str, Any]:
        tokens = self.num_tokens(task.lookback)
        return {"views of each patch": ", ".join(self.names), "patches of the look-back": tokens}

    def num_tokens(self, time: int) -> int:
        first: Any = self.views[0]
        return int(first.num_tokens(time))

    def forward(self, batch: Batch) -> Tokens:
        views = [view(batch) for view in self.views]
        values = tuple(view.values for view in views)
        fused = Tokens(torch.cat(values, 2) if self.fuse is None else self.fuse(values), views[0].keep)
        for view in views:
            if view.penalty is not None:
                fused = fused.penalised(view.penalty)
        return fused


def _check_fused(made: list[Any]) -> None:
    """Raises SettingsError for a view whose own parts wait for a language model: all views are fused in one place."""
    faults = [
        Fault(f"views.{place}.fuse_at", "=llm: views are fused in one place; set fuse_at of views itself")
        for place, one in enumerate(made)
        if isinstance(one, LeavesViews) and one.unfused is not None
    ]
    if faults:
        raise SettingsError(faults)


def _sizes(one: Representation, task: Task) -> str:
    queries = f" and {one.query_tokens} queries" if one.query_tokens else ""
    channels = "each channel apart" if one.folds_channels else "channels mixed"
    return f"{one.num_tokens(task.lookback)} tokens{queries} of width {one.width}, {channels}"
