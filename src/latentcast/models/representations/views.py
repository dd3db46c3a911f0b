"""Fuse several representations of the same patches token by token, such as wavelet, scales and frequency."""

from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator
from torch import nn

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.protocols import Representation
from latentcast.core.settings import Part, ReadWith, Settings
from latentcast.core.types import Batch, Task, Tokens
from latentcast.layers.view_fusion import Fuse, Fusion
from latentcast.models.representations import REPRESENTATIONS


class ViewsSettings(Settings):
    """views are representations by name, each with its own settings; fusion as of `multi-scale`, the finest first."""

    parts = {"views": REPRESENTATIONS}  # noqa: RUF012
    views: tuple[Part, ...] = ()
    fusion: Fusion = "gate"
    fusion_heads: Annotated[int, Field(ge=1)] = 4
    read_with: ClassVar[ReadWith] = {"fusion_heads": ("fusion", ("attention",))}

    @field_validator("views")
    @classmethod
    def _several(cls, views: tuple[Part, ...]) -> tuple[Part, ...]:
        if len(views) < 2:
            raise ValueError("wanted two representations or more, for example [wavelet, multi-scale]")
        return views


class Views(nn.Module):
    """Raises SettingsError when the representations do not make as many tokens of the same width, or make queries."""

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
        said = [_sizes(one, task) for one in made]
        if len(set(said)) > 1 or made[0].query_tokens:
            each = "; ".join(f"{part.name}: {size}" for part, size in zip(settings.views, said, strict=True))
            raise SettingsError(
                Fault("views", f": wanted as many tokens of one width from each, and no queries; got {each}")
            )
        self.names = [part.name for part in settings.views]
        self.width, self.folds_channels = made[0].width, made[0].folds_channels
        self.uses_known = any(one.uses_known for one in made)
        self.views = nn.ModuleList(made)
        self.fuse = Fuse(settings.fusion, len(made), self.width, settings.fusion_heads, self.names)

    def facts(self, task: Task) -> dict[str, Any]:
        tokens = self.num_tokens(task.lookback)
        return {"views of each patch": ", ".join(self.names), "patches of the look-back": tokens}

    def num_tokens(self, time: int) -> int:
        first: Any = self.views[0]
        return int(first.num_tokens(time))

    def forward(self, batch: Batch) -> Tokens:
        views = [view(batch) for view in self.views]
        fused = Tokens(self.fuse(tuple(view.values for view in views)), views[0].keep)
        for view in views:
            if view.penalty is not None:
                fused = fused.penalised(view.penalty)
        return fused


def _sizes(one: Representation, task: Task) -> str:
    queries = f" and {one.query_tokens} queries" if one.query_tokens else ""
    channels = "each channel apart" if one.folds_channels else "channels mixed"
    return f"{one.num_tokens(task.lookback)} tokens{queries} of width {one.width}, {channels}"
