"""Numbers for a captioned dataset: how well sentences find their photos, and how good the captions are.

In the order to read: `config`, then the folders as data flows: `dataset/` (a captioned dataset → corpus,
queries, right answers, index), `searching/` (queries → every system's scores → where the right photos came),
`measures/` (these places → Recall@k and the like, how sure they are, whether two systems differ);
what else is studied: `human_grades/` (systems against people's grades), `captions/` (stored captions against
people's), `ann/` (what approximate indexes give up and win), `failures/` (why queries fail, and whether -word
and "phrase" are kept to), `calibration/` (how sure a hit is), `ablation/` (what each part gives, and what was
tried);
`report/` (what was found, and how it is shown), `run` (the whole of `retrieve eval`);
apart from these, `bench/` (our engine beside others) and `growth/` (at growing sizes); `command/`
(`retrieve eval` and others).
"""
