"""News as numbers."""

import numpy as np
import pytest

pytest.importorskip("sentencepiece")

from hub_denoise.text.data import (
    MASK,
    PAD,
    PIECES,
    START,
    UNKNOWN,
    Corpus,
    Vocabulary,
    counted,
    mark,
    processor,
    texts,
)

TEXTS = [
    "The cat sat on the mat, and the cats sat there.",
    "A mat is there: 12 cats, I am told.",
] * 9


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary.learned(counted(TEXTS), 60)


def test_a_word_has_the_same_pieces_wherever_it_is(vocabulary):
    rows = vocabulary.rows(["cats", "漢", "cat" * 100, "12"])
    assert rows.shape == (4, 1 + PIECES)
    pieces = [int(piece) for piece in rows[0, 1:] if piece != PAD]
    assert processor(vocabulary.model).decode(pieces) == "cats"
    assert not {UNKNOWN, START, MASK} & set(pieces)
    assert UNKNOWN in rows[1] and PAD not in rows[2]
    assert vocabulary.words[rows[0, 0] - 1] == "cats"
    assert rows[1:, 0].tolist() == [0, 0, 0]  # none of these can be restored
    assert vocabulary.rows([]).shape == (0, 1 + PIECES)


def test_special_pieces_are_where_they_are_said_to_be(vocabulary):
    names = [processor(vocabulary.model).id_to_piece(number) for number in range(4)]
    assert names == ["<unk>", "<s>", "<mask>", "<pad>"]
    assert not {START, MASK} & set(vocabulary.rows(["<mask>", "<s>"])[:, 1:].flatten().tolist())
    assert mark(MASK) == [0, MASK, *[PAD] * (PIECES - 1)]


def test_the_words_that_can_be_restored_are_frequent(vocabulary):
    assert {"cats", "mat", "the"} <= set(vocabulary.words)
    assert "12" not in vocabulary.words and "," not in vocabulary.words
    rare = Vocabulary.learned(counted([*TEXTS, "unique"]), 60)
    assert "unique" not in rare.words


def test_a_vocabulary_is_what_it_was_after_it_was_kept(vocabulary):
    assert Vocabulary.from_tensors(vocabulary.tensors()) == vocabulary


def test_a_corpus_tells_its_texts_again():
    corpus = Corpus.of(TEXTS, counted(TEXTS))
    found = " ".join(corpus.kinds[one] for one in corpus.tokens)
    assert found.startswith(" The cat sat on the mat , and")
    assert np.count_nonzero(corpus.tokens == 0) == len(TEXTS)
    words = [kind for kind, word in zip(corpus.kinds, corpus.is_word(), strict=True) if word]
    assert "cats" in words and "12" not in words and "" not in words


def test_no_document_of_a_test_is_in_the_training():
    from hub import data
    from hub_denoise.text.data import NEWS

    if not data.available(NEWS):
        pytest.skip("needs text/news_en under LATENTHUB_DATA")
    validation, test = texts("validation"), texts("test")
    assert (len(validation), len(test)) == (2_400, 2_500)
    assert not set(validation) & set(test)
