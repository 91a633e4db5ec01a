"""News as numbers."""

import numpy as np
import pytest

pytest.importorskip("sentencepiece")

from hub_denoise.text.data import (
    END,
    MASK,
    PAD,
    SLOTS,
    START,
    UNKNOWN,
    Corpus,
    Vocabulary,
    counted,
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
    pieces = vocabulary.pieces("cats")
    assert processor(vocabulary.model).decode(pieces) == "cats"
    assert not {UNKNOWN, START, MASK, END, PAD} & set(pieces)
    assert vocabulary.pieces("漢") and UNKNOWN in vocabulary.pieces("漢")
    assert len(vocabulary.pieces("cat" * 100)) == 16


def test_special_pieces_are_where_they_are_said_to_be(vocabulary):
    names = [processor(vocabulary.model).id_to_piece(number) for number in range(5)]
    assert names == ["<unk>", "<s>", "<mask>", "<end>", "<pad>"]
    assert not {MASK, END, PAD} & {p for t in ("<mask>", "<end>") for p in vocabulary.pieces(t)}


def test_the_words_that_can_be_restored_are_frequent_and_spelled(vocabulary):
    assert {"cats", "mat", "the"} <= set(vocabulary.words)
    assert "12" not in vocabulary.words and "," not in vocabulary.words
    for word, row in zip(vocabulary.words, vocabulary.spelled(), strict=True):
        pieces = vocabulary.pieces(word)
        assert row.tolist() == (pieces + [END] + [PAD] * SLOTS)[:SLOTS]
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
