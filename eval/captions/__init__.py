"""How alike generated captions and people's captions are: BLEU, ROUGE-L, CIDEr, METEOR.

Each measure is a pure function `score_…(hypotheses, references)` over tokens: one hypothesis per photo and
that photo's references, in the same order. It returns the score of the corpus, as the literature reports it
but not in percent, and the float64 scores of the photos. The oracle is `pycocoevalcap`.

In the order to read: `pairs` (what all of them take), `ngrams`, `bleu`, `rouge`, `cider`, `meteor`;
`diversity` (how varied captions are, beside no references), `quality` (all measures, as a report has them),
`metric_correlation` (whether they order pairs as people's grades do), `study` (the whole).
"""
