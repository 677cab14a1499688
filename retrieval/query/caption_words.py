"""Which photos' captions hold a word or a phrase. Reads an index of words and the texts that it was made of.

What counts are the texts of `lexical_file`: what people wrote of a photo or else all its captions, and its
tags.

Shapes: P photos, T texts of them all.
"""

import re
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retrieval.channels.stems import split_words, stem_words, vary_number
from retrieval.channels.word_index import WordIndex
from retrieval.normal_form import normalize_text
from retrieval.store.photo_table import PhotoTable
from retrieval.store.schema import Provenance

# What is between the words of `split_words`.
_BETWEEN = r"[^\p{L}\p{M}\p{N}][^\p{L}\p{N}]*"
# Letters of scripts that put no spaces between words: Thai and Lao, Burmese, Khmer, kana, Chinese characters.
_UNSPACED = re.compile(
    "[\u0e01-\u0e3a\u0e40-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
)


class CaptionWords:
    """The words of the captions of one generation.

    A word of a script that puts no spaces between words may be anywhere, within another one, too.
    """

    def __init__(self, photos: PhotoTable, words: WordIndex) -> None:
        """`words` has the photos' numbers for ids."""
        self._photos = photos
        self._words = words

    def find(self, text: str) -> np.ndarray:
        """Bool (P,): the photos with these words in this order, whatever their endings, of one or of many."""
        found = [self._words.photos_with_phrase(each) for each in vary_number(stem_words(text))]
        if _UNSPACED.search(text):
            found.append(self._find_anywhere(text))
        return self._mark(np.concatenate(found))

    def find_exactly(self, phrase: str) -> np.ndarray:
        """Bool (P,): the photos with just these words in this order, in upper or lower case."""
        texts_T, photo_T = self._texts
        candidate_C = np.flatnonzero(self.find(phrase)[photo_T])
        padded_C = pc.binary_join_element_wise(" ", texts_T.take(pa.array(candidate_C)), " ", "")
        apart_C = pc.replace_substring_regex(padded_C, _BETWEEN, " ")
        words = " ".join(split_words(normalize_text(phrase)))
        wanted = words if _UNSPACED.search(words) else f" {words} "
        match_C = pc.match_substring(apart_C, wanted, ignore_case=True)
        return self._mark(photo_T[candidate_C[match_C.to_numpy(zero_copy_only=False)]])

    def _find_anywhere(self, text: str) -> np.ndarray:
        """int64: the numbers of the photos in one of whose texts this is, as it was typed."""
        texts_T, photo_T = self._texts
        match_T = pc.match_substring(texts_T, normalize_text(text), ignore_case=True)
        numbers: np.ndarray = photo_T[match_T.to_numpy(zero_copy_only=False)]
        return numbers

    def _mark(self, numbers: np.ndarray) -> np.ndarray:
        found_P = np.zeros(len(self._photos), dtype=bool)
        found_P[numbers] = True
        return found_P

    @cached_property
    def _texts(self) -> tuple[pa.Array, np.ndarray]:
        """The texts, and int64 (T,) the number of the photo that each is of."""
        captions, tags = self._photos.columns["captions"], self._photos.columns["tags"]
        photo_T = pc.list_parent_indices(captions).to_numpy()
        human_T = pc.equal(captions.flatten().field("provenance"), Provenance.HUMAN)
        human_T = human_T.to_numpy(zero_copy_only=False)
        counts_T = human_T | ~self._mark(photo_T[human_T])[photo_T]
        texts = captions.flatten().field("text").filter(pa.array(counts_T))
        texts = pc.utf8_normalize(pa.concat_arrays([texts, tags.flatten()]), "NFC")
        return texts, np.concatenate([photo_T[counts_T], pc.list_parent_indices(tags).to_numpy()])
