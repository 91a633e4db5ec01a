"""News as numbers: a vocabulary of pieces, the words that can be restored, and the training text.

Pieces are SentencePiece's, merged pair by pair (Sennrich et al., "Neural Machine Translation of
Rare Words with Subword Units", arXiv:1508.07909), learned from the training split alone: of 6,000
such pieces a token has 1.41 on average, of as many unigrams 1.56, and they take a third of the time
and of the memory to learn. Every word, number and other character is cut by itself, as if a space
stood before it: so a word has the same pieces wherever it is.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sentencepiece
import torch
from torch import Tensor

from hub import data
from hub_denoise.text.corrupt import BLANK, TOKEN, is_word

NEWS = "text/news_en"
UNKNOWN, START, MASK, END, PAD = range(5)  # pieces that are no letters
SLOTS = 4  # pieces of a word that can be restored, at most
TIMES = 5  # a word must be in the training text to be one that can be restored
LONGEST = 16  # pieces of what is read: of a longer word the first ones


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
        """Learn `size` pieces, and keep the words that stand TIMES times or more in the text and
        have at most SLOTS pieces."""
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
            control_symbols=["<mask>", "<end>", "<pad>"],
            num_threads=1,
            minloglevel=2,
        )
        whole = cls(learned.getvalue(), ())
        known = [token for token, count in common if count >= TIMES and token[0].isalpha()]
        kept = tuple(word for word in known if restorable(whole.pieces(word)))
        return cls(whole.model, kept)

    @property
    def size(self) -> int:
        return processor(self.model).get_piece_size()

    def pieces(self, token: str) -> list[int]:
        """Return the pieces of a word, a number or another character, LONGEST at most."""
        return processor(self.model).encode(token)[:LONGEST]

    def spelled(self) -> np.ndarray:
        """Return the pieces of each word, (words, SLOTS) int64: END after the last, then PAD."""
        found = np.full((len(self.words), SLOTS), PAD, np.int64)
        for row, pieces in zip(found, processor(self.model).encode(list(self.words)), strict=True):
            row[: len(pieces)] = pieces
            if len(pieces) < SLOTS:
                row[len(pieces)] = END
        return found

    def tensors(self) -> dict[str, Tensor]:
        """Return all of it as bytes, to be kept beside weights."""
        words = "\n".join(self.words).encode()
        return {
            "vocabulary.model": torch.from_numpy(np.frombuffer(self.model, np.uint8).copy()),
            "vocabulary.words": torch.from_numpy(np.frombuffer(words, np.uint8).copy()),
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Vocabulary:
        """Return what `tensors` were made of."""
        model, words = (
            tensors[f"vocabulary.{part}"].cpu().numpy().tobytes() for part in ("model", "words")
        )
        return cls(model, tuple(words.decode().split("\n")))


def restorable(pieces: list[int]) -> bool:
    return 0 < len(pieces) <= SLOTS and UNKNOWN not in pieces


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

    def spelled(self, vocabulary: Vocabulary) -> list[list[int]]:
        """Return the pieces of each kind."""
        return [[START], *(vocabulary.pieces(kind) for kind in self.kinds[1:])]
