"""What an evaluation found → report.json, report.md, report.html, and the tables of README.md and RESULTS.md.

In the order to read: `published` (others' results), `findings` (all that was found: report.json), `gate`
(whether a system got worse than in an older one); `environment`, `stopwatch` and `run_info` (what differs
between runs: run-info.json); `conditions` (what decides the numbers), `tables`, `study_tables`,
`ablation_tables` (cells of text) and `sections` (those that a report has), `markdown`, `page/` (how it is
shown), `readme_part`, `readme`.
"""
