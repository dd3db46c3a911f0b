"""A tree of the words that prompts begin with: what several prompts share is read once, also by later batches.

A node is a word after the words before it, and holds its keys and values in every layer. A causal model computes them
from these words alone, so that they are the same in every prompt that begins alike. The words of a batch that are not
in the tree yet run as one packed sequence without padding; attention alone is taken row by row.
"""

import math
import threading
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn

from latentcast.core.errors import Fault, SettingsError
from latentcast.layers.file_tensor import zeros_in_file
from latentcast.models.backbones.prefix_attention import Enough, Known, Layers, Reading, attended

ROOT = -1
Nodes = np.ndarray


@dataclass(frozen=True)
class Plan:
    """How the words of a batch stand in the tree.

    paths    [series, words] the node of each word, 0 behind the last one
    lengths  [series] words of each series
    known    [series] how many of these were known before this series was looked at; the others are new
    ids      the new words, those of one series after those of the other
    """

    paths: Nodes
    lengths: Nodes
    known: Nodes
    ids: list[int]

    @property
    def new(self) -> Nodes:
        """The nodes of the new words, in the order of `ids`."""
        width = np.arange(self.paths.shape[1])
        return self.paths[(width >= self.known[:, None]) & (width < self.lengths[:, None])]


class PrefixTree:
    """The tree of one language model behind one static part, with room for `capacity` words.

    A full tree forgets the words that were not needed for the longest time. Keys and values lie in one table a layer,
    in memory or in a file of `folder` that vanishes with the tree. `read_words` counts the words that the model has
    read.
    """

    def __init__(self, static: Layers, capacity: int, folder: str | None = None) -> None:
        self.static, self.capacity = static, capacity
        key = static[0][0]
        self.heads, self.head_width = key.shape[1], key.shape[3]
        with torch.inference_mode(False):  # later passes write into them
            shape = (2 * len(static), self.heads * capacity, self.head_width)
            whole = key.new_zeros(shape) if folder is None else _in_file(folder, shape, key.dtype)
            self.tables = [(whole[at], whole[at + 1]) for at in range(0, len(whole), 2)]
        self._children: dict[tuple[int, int], int] = {}
        self._key: list[tuple[int, int]] = [(ROOT, ROOT)] * capacity  # parent and word of each node
        self._free = list(range(capacity - 1, -1, -1))
        self._used, self._depth = np.zeros(capacity, np.int64), np.zeros(capacity, np.int64)
        self._round = self.read_words = 0
        self._one_at_a_time = threading.Lock()

    def read(self, llm: nn.Module, prompt: Int[Tensor, "series words"]) -> Known:
        """Keys and values of each series' own words, padded with -1 at their end; new words are read and kept."""
        with self._one_at_a_time:
            ids = prompt.cpu().numpy()
            needed = _different(ids)
            if needed > self.capacity:  # more than is ever kept: shared within this batch alone
                return PrefixTree(self.static, needed).read(llm, prompt)
            try:
                plan = self._place(ids, needed)
                if plan.ids:
                    self._compute(llm, plan, prompt.device)
                    self.read_words += len(plan.ids)
            except BaseException:
                self._forget_all()  # nodes without keys and values would be silently wrong
                raise
            return self._known(plan, prompt.device)

    def _place(self, ids: Nodes, needed: int) -> Plan:
        """Find the nodes of a batch's words, and make those that are missing."""
        self._round += 1
        rows = [row[row >= 0].tolist() for row in ids]
        found = [self._walk(row) for row in rows]
        if needed > len(self._free):
            self._evict(needed)
        paths = np.zeros(ids.shape, np.int64)
        new, known = [], np.zeros(len(rows), np.int64)
        for at, (row, path) in enumerate(zip(rows, found, strict=True)):
            path.extend(self._walk(row, path))  # an earlier series of this batch may have made more of it
            known[at] = len(path)
            for word in row[len(path) :]:
                path.append(self._add(path[-1] if path else ROOT, word, len(path)))
                new.append(word)
            paths[at, : len(path)] = path
        return Plan(paths, np.array([len(row) for row in rows]), known, new)

    def _walk(self, row: list[int], path: list[int] | None = None) -> list[int]:
        """Nodes of the words of a row that are known, behind those of `path`."""
        node, found = path[-1] if path else ROOT, list[int]()
        for word in row[len(path or ()) :]:
            child = self._children.get((node, word))
            if child is None:
                break
            found.append(node := child)
        self._used[found] = self._round
        return found

    def _add(self, parent: int, word: int, depth: int) -> int:
        node = self._free.pop()
        self._children[parent, word], self._key[node] = node, (parent, word)
        self._used[node], self._depth[node] = self._round, depth
        return node

    def _evict(self, needed: int) -> None:
        """Free the nodes that were not used for the longest time, at least an eighth of all. A node is used whenever
        one below it is; of those that were last used together the deepest go first."""
        taken = np.fromiter(self._children.values(), np.int64, len(self._children))
        old = taken[self._used[taken] < self._round]
        order = old[np.lexsort((-self._depth[old], self._used[old]))]
        for node in order[: max(needed - len(self._free), self.capacity // 8)].tolist():
            del self._children[self._key[node]]
            self._free.append(node)

    def _forget_all(self) -> None:
        self._children.clear()
        self._free = list(range(self.capacity - 1, -1, -1))

    def _index(self, nodes: Nodes, device: torch.device) -> Tensor:
        """[..., words] → [..., heads, words] rows of the tables."""
        heads = torch.arange(self.heads, device=device)[:, None] * self.capacity
        return heads + torch.from_numpy(nodes).to(device)[..., None, :]

    def _known(self, plan: Plan, device: torch.device) -> Known:
        index = self._index(plan.paths, device)
        own = tuple((keys[index], values[index]) for keys, values in self.tables)
        return Known(self.static, own, torch.from_numpy(plan.lengths).to(device))

    @torch.no_grad()
    def _compute(self, llm: nn.Module, plan: Plan, device: torch.device) -> None:
        """Read the new words as one packed sequence."""
        shared, rows = self.static[0][0].shape[2], np.flatnonzero(plan.lengths > plan.known)
        counts, known = (plan.lengths - plan.known)[rows], plan.known[rows]
        row = np.repeat(np.arange(len(rows)), counts)
        column = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        places = torch.from_numpy(shared + known[row] + column).to(device)
        paths = plan.paths[rows, : plan.lengths[rows].max()]
        with torch.inference_mode(False):
            packed = _Packed(
                self, self._index(plan.new, device), self._index(paths, device),
                (torch.from_numpy(row).to(device), torch.from_numpy(column).to(device)),
                torch.from_numpy(shared + known[:, None] + np.arange(counts.max())).to(device),
            )  # fmt: skip
            words = torch.tensor(plan.ids, device=device)[None]
            embedded = llm.get_input_embeddings()(words)  # type: ignore[operator]
            try:
                llm(
                    inputs_embeds=embedded,
                    position_ids=places[None],
                    attention_mask=embedded.new_zeros(1, 1, 1, 1),  # four dimensions: taken as it is, and not read
                    use_cache=False,
                    reading=Reading(Known(self.static), instead=packed),
                )
            except Enough:
                return


@dataclass(frozen=True)
class _Packed:
    """Attention of new words in one packed sequence: each to the words before it, row by row.

    new    [heads, new] rows of the tables; paths [rows, heads, words] those of the words of each row
    where  row and column of each new word among the padded queries; at [rows, columns] their positions
    """

    tree: PrefixTree
    new: Tensor
    paths: Tensor
    where: tuple[Tensor, Tensor]
    at: Tensor

    def __call__(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        keys, values = self.tree.tables[layer]
        keys[self.new], values[self.new] = key[0].to(keys.dtype), value[0].to(values.dtype)
        if layer + 1 == len(self.tree.tables):
            raise Enough
        heads, width = query.shape[1], query.shape[3]
        rows, columns = self.at.shape
        q = query.new_zeros(rows, columns, heads, width)
        q[self.where] = query[0].transpose(0, 1) * scaling
        q = q.transpose(1, 2).reshape(rows, key.shape[1], -1, width)
        own = (keys[self.paths].to(key.dtype), values[self.paths].to(key.dtype))
        shared = self.tree.static[layer]
        places = torch.arange(shared[0].shape[2] + own[0].shape[2], device=q.device)
        hidden = places > self.at[..., None]
        if window is not None:
            hidden |= places <= self.at[..., None] - window
        mixed = attended(q, shared, [own], hidden[:, None, None])
        return mixed.reshape(rows, heads, columns, width).transpose(1, 2)[self.where][None]


def _in_file(folder: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Raises SettingsError where the folder has no room for it."""
    size = math.prod(shape) * dtype.itemsize / 2**20
    try:
        return zeros_in_file(folder, shape, dtype)
    except OSError as error:
        raise SettingsError(
            Fault(
                "cache_folder",
                f"={folder}: a file of {size:.0f} MiB is wanted there ({error.strerror}); name another folder, set a"
                " smaller cache, or cache_folder=null for memory",
            )
        ) from error


def _different(ids: Nodes) -> int:
    """Number of different beginnings of the rows of a batch."""
    seen = ids[np.lexsort(ids.T[::-1])] if ids.size else ids
    if not seen.size:
        return 0
    fresh = np.ones(seen.shape, bool)
    fresh[1:] = np.logical_or.accumulate(seen[1:] != seen[:-1], axis=1)
    return int((fresh & (seen >= 0)).sum())


__all__ = ["PrefixTree"]
