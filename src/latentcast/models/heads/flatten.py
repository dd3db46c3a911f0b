"""All tokens of a series through one linear map to the horizon (PatchTST, Nie et al. 2023)."""

from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from latentcast.core.protocols import Backbone, Representation, num_answers
from latentcast.core.settings import Settings
from latentcast.core.types import Batch, Prediction, Scale, Task, Tokens
from latentcast.layers.dropout import Dropout
from latentcast.layers.losses import Loss, PointLoss


class FlattenSettings(Settings):
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    loss: Loss = "mse"


class Flatten(nn.Module):
    Settings = FlattenSettings

    def __init__(
        self, settings: FlattenSettings, task: Task, representation: Representation, backbone: Backbone
    ) -> None:
        super().__init__()
        tokens = num_answers(representation, task)
        channels = 1 if representation.folds_channels else task.channels  # channels behind one series of tokens
        self.point_loss, self.horizon = PointLoss(settings.loss, task), task.horizon
        self.dropout = Dropout(settings.dropout)
        self.project = nn.Linear(tokens * backbone.width, task.horizon * channels)

    def start_at_zero(self) -> None:
        """Initialise so that the forecast is the location of each window."""
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, tokens: Tokens, scale: Scale) -> Prediction:
        flat = self.project(self.dropout(tokens.values.flatten(1)))
        values = flat.view(scale.loc.shape[0], -1, self.horizon).transpose(1, 2)
        return Prediction(scale.invert(values))

    def loss(self, prediction: Prediction, batch: Batch) -> Float[Tensor, ""]:
        return self.point_loss(prediction.values, batch)
