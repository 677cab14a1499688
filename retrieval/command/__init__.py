"""The `retrieve` command. Modules named `*command.py` hold one subcommand each and import nothing heavy.

Reading order: `main` (errors, signals, exit codes), `discovery` (which subcommands there are), `options`,
`progress_bar`, `short_run`; `query_command`, `search_command`, `results_output` and `results_formats` (what
it prints); `serve_command`, `info_command`, `publish_command`; the care of an index: `verify_command`,
`repair_command`, `compact_command`; `bench_rows` (what `retrieve bench` prints);
`python_module` (what `python -m` does of other modules).
"""
