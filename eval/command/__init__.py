"""`retrieve eval`, `ablate`, `calibrate`, and what `retrieve bench` takes from here.

Modules named `*command.py` hold one subcommand each and import nothing heavy.

Reading order: `eval_command`, `ablate_command`, `calibrate_command`, `bench_command` (`retrieve bench
search`, `open` and `growth`).
"""
