"""Numbers for a captioned dataset: how well sentences find their photos, and how good the captions are.

In the order to read:
`config`, `dataset/` (a captioned dataset → corpus, queries, right answers, index);
`searching/` (queries → every system's scores → where the right photos came);
`measures/` (placements → Recall@k and the like, how sure they are, whether two systems differ);
`human_grades/` (systems against people's grades), `captions/` (stored captions against people's);
`ann/` (what approximate indexes give up and win), `failures/` (why queries fail, and whether -word and
"phrase" are kept to);
`ablation/` (what each part gives, and what was tried), `ablate_command` (`retrieve ablate`);
`report/` (what was found, and how it is shown), `run` (the whole), `command` (`retrieve eval`);
`calibration/`, `calibrate_command` (`retrieve calibrate`);
`bench/` (our engine beside others), `growth/` (at growing sizes), `bench_command` (`retrieve bench search`,
`open` and `growth`).
"""
