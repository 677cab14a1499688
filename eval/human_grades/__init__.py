"""People's grades of photo–caption pairs, and whether the systems agree with them.

In the order to read: `judgements` (a dataset's file of grades), `graded` (nDCG of them), `human_judgement`
(the systems against them).
"""
