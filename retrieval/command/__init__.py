"""The `retrieve` command. Modules named `*command.py` hold one subcommand each and import nothing heavy.

Reading order: `main` (errors, signals, exit codes), `discovery` (which subcommands there are), `options`,
`short_run`, `search_command`, `info_command`, `bench_rows` (what `retrieve bench` prints).
"""
