"""`retrieve index`, `caption`, `similar`, `train` and `bench index`.

Modules named `*command.py` hold one subcommand each and import nothing heavy.

Reading order: `index_command`, `caption_command` with `caption_edit` (a person's caption), `similar_command`,
`train_command`, `bench_command`.
"""
