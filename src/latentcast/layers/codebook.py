"""Quantise vectors to codes and back: one codebook, residual codebooks, a finite scalar grid, or signs on a sphere.

The codebooks themselves (moving averages, k-means start, revival of dead codes) are vector-quantize-pytorch's.
"""

from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from latentcast.layers.binary_codebook import BinaryCodebook

Quantizer = Literal["vq", "residual", "fsq", "bsq"]
Vectors = Float[Tensor, "series tokens code_dim"]
Codes = Int[Tensor, "series tokens level"]
NEAR = 1e-4  # margin between two codes, as a share of their scores, that rounding in single precision stays below


class Codebook(nn.Module):
    """`levels` codes for each vector, each from `size` entries; the quantised vector is the sum of the entries.

    vq        one codebook, learned as moving averages of the assigned vectors (van den Oord et al. 2017)
    residual  further codebooks for the residuals (Zeghidour et al. 2021, algorithm 1)
    fsq       one code, a point of a fixed grid after a linear map (Mentzer et al. 2023); nothing can collapse
    bsq       `bits` signs after a linear map onto a sphere (Zhao et al. 2024), shared out over `levels` codes

    The entries change in `learn` alone; in `forward` they are fixed, and gradients pass straight through.
    """

    def __init__(
        self,
        kind: Quantizer,
        dim: int,
        size: int,
        levels: int,
        grid: tuple[int, ...],
        *,
        decay: float,
        commitment: float,
        revive: float,
        bits: int = 8,
        entropy: float = 0.1,
    ) -> None:
        super().__init__()
        self.revive = revive
        self.levels = levels if kind in ("residual", "bsq") else 1
        self.grid: Any = None
        self.books: Any = None
        self.sphere: BinaryCodebook | None = None
        if kind == "bsq":
            self.sphere = BinaryCodebook(dim, bits, levels, entropy)
            self.size = self.sphere.size
            return
        if kind == "fsq":
            from vector_quantize_pytorch import FSQ

            self.grid = FSQ(list(grid), dim)
            self.size = int(self.grid.codebook_size)
            return
        from vector_quantize_pytorch import ResidualVQ

        self.size = size
        self.books = ResidualVQ(
            dim=dim,
            num_quantizers=self.levels,
            codebook_size=size,
            decay=decay,
            kmeans_init=True,
            threshold_ema_dead_code=1,
            commitment_weight=commitment,
            rotation_trick=False,
        )
        self.begun: Tensor
        self.register_buffer("begun", torch.zeros((), dtype=torch.bool))
        for book in self._books():  # a forward before any training looks up these entries and does not change them
            book.embed.copy_(torch.randn_like(book.embed))
            book.initted.fill_(True)

    def _books(self) -> list[Any]:
        return [layer._codebook for layer in self.books.layers]

    def entries(self) -> Float[Tensor, "level size code_dim"]:
        """Return the vector of each code."""
        if self.sphere is not None:
            return self.sphere.entries()
        if self.grid is not None:
            every = torch.arange(self.size, device=self.grid.implicit_codebook.device)
            table: Tensor = self.grid.indices_to_codes(every[None])
            return table
        return torch.cat([book.embed for book in self._books()])

    def learn(self, z: Vectors) -> tuple[Vectors, Float[Tensor, ""]]:
        """Quantise; return vectors and the distance of `z` from them. Entries move towards assigned vectors."""
        if self.sphere is not None:
            return self.sphere.learn(z)
        if self.grid is not None:
            return self.grid(z)[0], z.new_zeros(())
        if not self.begun:  # the library starts from the k-means of this first batch
            for book in self._books():
                book.initted.fill_(False)
            self.begun = torch.ones_like(self.begun)
        for book in self._books():  # what falls to an entry is counted per batch
            book.threshold_ema_dead_code = book.reset_cluster_size = self.revive * z.shape[0] * z.shape[1] / self.size
        quantized, _, commitment = self.books(z)
        return quantized, commitment.mean()

    def forward(self, z: Vectors) -> tuple[Vectors, Codes]:
        if self.sphere is not None:
            found: tuple[Vectors, Codes] = self.sphere(z)
            return found
        if self.grid is not None:
            quantized, codes = self.grid(z)
            return quantized, codes.long().unsqueeze(-1)
        rest, codes = z.detach(), []
        for book in self._books():
            entries = book.embed[0]
            nearest = (entries.square().sum(-1) - 2 * rest @ entries.T).argmin(-1)
            rest = rest - entries[nearest]
            codes.append(nearest)
        return z - rest, torch.stack(codes, dim=-1)  # z - rest: the sum of the entries, with the gradient of z

    def doubtful(self, z: Vectors, codes: Codes) -> Bool[Tensor, " series"]:
        """Which series have a vector whose `codes` another rounding could change; all, where margins are not known."""
        found = torch.ones(len(z), dtype=torch.bool, device=z.device)
        if self.books is None:
            return found
        found, rest = ~found, z.detach()
        for book, chosen in zip(self._books(), codes.unbind(-1), strict=True):
            entries = book.embed[0]
            lengths = entries.square().sum(-1)
            scores = torch.addmm(lengths, rest.flatten(0, 1), entries.T, alpha=-2)
            least = scores.gather(1, chosen.reshape(-1, 1))
            margin = scores.scatter_(1, chosen.reshape(-1, 1), torch.inf).amin(1, keepdim=True) - least
            size = least.abs() + lengths.max()
            found = found | (margin < NEAR * size).view(len(z), -1).any(1)
            rest = rest - entries[chosen]
        return found

    def coarse(self, z: Vectors) -> Vectors:
        """Quantise to the entries of the first level; gradients reach `z`, and entries that a gradient trains."""
        codes = self(z)[1]
        first = self.entries()[0][codes[..., 0]]
        return first + z - z.detach()

    def lookup(self, codes: Codes) -> Vectors:
        table = self.entries()
        each = [entries[chosen] for entries, chosen in zip(table, codes.unbind(-1), strict=True)]
        return torch.stack(each).sum(0)
