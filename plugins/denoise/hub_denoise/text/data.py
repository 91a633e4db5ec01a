"""News as numbers: pieces, the words that can be restored, and the training text.

Pieces are SentencePiece's, merged pair by pair (Sennrich et al., "Neural Machine Translation of
Rare Words with Subword Units", arXiv:1508.07909), learned from the training split alone: of 6,000
such pieces a token has 1.41 on average, of as many unigrams 1.56, and they take a third of the time
and of the memory to learn. Every word, number and other character is cut by itself, as if a space
stood before it: so a word has the same pieces wherever it is.
"""

from __future__ import annotations

import io
import lzma
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import sentencepiece
import torch
from torch import Tensor

from hub import data
from hub_denoise.text.corrupt import BLANK, TOKEN, is_word

NEWS = "text/news_en"
UNKNOWN, START, MASK, PAD = range(4)  # pieces that are no letters
PIECES = 6  # of a word, a number or another character: of a longer one the first ones
TIMES = 5  # a word must be in the training text to be one that can be restored


def texts(split: str) -> list[str]:
    """Return the documents of a split; of "train" the headlines, which are of other articles, too.

    Raises:
        DataError: the split is not there.
    """
    if split != "train":
        return data.table(NEWS, split)["document"].to_pylist()
    documents = data.table(NEWS, "train_documents")["document"].to_pylist()
    return documents + data.table(NEWS, "train_headlines")["headline"].to_pylist()


def counted(found: Iterable[str]) -> Counter[str]:
    """Return how often each word, number and other character is in texts."""
    counts: Counter[str] = Counter()
    for text in found:
        counts.update(TOKEN.findall(text))
    return counts


@dataclass(frozen=True)
class Vocabulary:
    """Pieces, and the words that can be restored with the pieces of each."""

    model: bytes  # SentencePiece's
    words: tuple[str, ...]  # from the most frequent to the rarest

    @classmethod
    def learned(cls, counts: Counter[str], size: int) -> Vocabulary:
        """Learn `size` pieces, and keep the words that stand TIMES times or more in the text."""
        learned = io.BytesIO()
        common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        # A table of counts: the whole text would give the same pieces, and take far longer.
        rows = (f"{token}\t{count}" for token, count in common if BLANK not in token)
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=rows,
            input_format="tsv",
            model_writer=learned,
            vocab_size=size,
            model_type="bpe",
            character_coverage=0.9999,
            normalization_rule_name="identity",
            unk_id=UNKNOWN,
            bos_id=START,
            eos_id=-1,
            control_symbols=["<mask>", "<pad>"],
            num_threads=1,
            minloglevel=2,
        )
        known = (token for token, count in common if count >= TIMES and token[0].isalpha())
        return cls(learned.getvalue(), tuple(known))

    @property
    def size(self) -> int:
        return processor(self.model).get_piece_size()

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The place of each word in `words`."""
        return {word: number for number, word in enumerate(self.words)}

    def rows(self, tokens: Sequence[str]) -> np.ndarray:
        """Return words, numbers and other characters as (tokens, 1 + PIECES) int64: the place of
        each in `words` and one, or 0 if it is not there; then its pieces, then PAD."""
        found = np.full((len(tokens), 1 + PIECES), PAD, np.int64)
        cut = processor(self.model).encode(list(tokens))
        for row, token, pieces in zip(found, tokens, cut, strict=True):
            row[0] = 1 + self.numbers.get(token, -1)
            row[1 : 1 + len(pieces)] = pieces[:PIECES]
        return found

    def tensors(self) -> dict[str, Tensor]:
        """Return all of it as compressed bytes, to be kept beside weights."""
        kept = {"model": self.model, "words": "\n".join(self.words).encode()}
        return {
            f"vocabulary.{name}": torch.frombuffer(bytearray(lzma.compress(one)), dtype=torch.uint8)
            for name, one in kept.items()
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Vocabulary:
        """Return what `tensors` were made of."""
        model, words = (
            lzma.decompress(tensors[f"vocabulary.{part}"].cpu().numpy().tobytes())
            for part in ("model", "words")
        )
        return cls(model, tuple(words.decode().split("\n")))


def mark(piece: int) -> list[int]:
    """Return what stands for START, MASK or PAD among rows of tokens."""
    return [0, piece, *[PAD] * (PIECES - 1)]


@lru_cache(maxsize=4)
def processor(model: bytes) -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_proto=model)


@dataclass(frozen=True)
class Corpus:
    """Text as numbers of kinds of words, numbers and characters; kind 0 is where a text starts."""

    kinds: tuple[str, ...]
    tokens: np.ndarray  # (all,) int32

    @classmethod
    def of(cls, found: Iterable[str], counts: Counter[str]) -> Corpus:
        """Number texts whose `counts` are known; the most frequent kinds come first."""
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        kinds = ("", *(token for token, _ in ordered))
        numbers = {token: number for number, token in enumerate(kinds)}

        def numbered() -> Iterator[int]:
            for text in found:
                yield 0
                for token in TOKEN.findall(text):
                    yield numbers[token]

        return cls(kinds, np.fromiter(numbered(), np.int32))

    def is_word(self) -> np.ndarray:
        """Return of each kind whether it is a word, (kinds,) bool."""
        return np.array([bool(kind) and is_word(kind) for kind in self.kinds])
