"""The captioner's words, where captions hold what is special to it."""

from indexer.captioner.vocabulary import END, SPECIAL_TOKENS, START, UNKNOWN, Vocabulary


def test_special_tokens_of_captions_are_unknown_words() -> None:
    tokens = ("a", "<unk>", "dog", "<end>", "<pad>", "<start>")
    vocabulary = Vocabulary.from_captions([tokens, ("a", "<unk>")], min_count=1)
    assert vocabulary.words == (*SPECIAL_TOKENS, "a", "dog")
    assert vocabulary.encode(tokens) == [START, 4, UNKNOWN, 5, UNKNOWN, UNKNOWN, UNKNOWN, END]
    assert vocabulary.find_words(tokens) == ("a", "dog")
    assert Vocabulary.from_captions([("<unk>",)], min_count=1).words == SPECIAL_TOKENS
