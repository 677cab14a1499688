"""The `retrieve` command. Modules named `*command.py` hold one subcommand each and import nothing heavy.

Reading order: `query_command` (a query may begin with a hyphen), `discovery` (which subcommands there are),
`main` (errors, signals, exit codes), `progress_bar`, `short_run`; `results_formats`, `results_output` and
`results_page` (what a search prints and shows), `options`, `search_command`; `serve_command`, `info_command`,
`publish_command`; the care of an index: `verify_command`, `repair_command`, `compact_command`; `bench_rows`
(what `retrieve bench` prints); `python_module` (what `python -m` does of other modules).
"""
