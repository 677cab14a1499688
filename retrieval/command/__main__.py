"""Run the command as `python -m retrieval.command`."""

from retrieval.command.main import main

main()
