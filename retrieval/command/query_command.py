"""A command that takes a query, which may begin with a hyphen. Reads its arguments; writes nothing."""

from typing import Any

import typer
from typer.core import TyperCommand, TyperOption


class QueryCommand(TyperCommand):
    """Takes `-dog` for a word to leave out, and not for the options d, o and g."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As click does, what looks like such a word taken as an argument."""
        options = [each for each in self.params if isinstance(each, TyperOption)]
        with_value = {name for option in options if not option.is_flag for name in option.opts}
        rest, known, words = list(args), [], []
        while rest and rest[0] != "--":
            each = rest.pop(0)
            if _is_word(each, with_value):
                words.append(each)
                continue
            known.append(each)
            if each in with_value and rest:
                known.append(rest.pop(0))
        words += rest[1:]
        try:
            return super().parse_args(ctx, [*known, "--", *words] if words else known)
        except typer.TyperException as error:
            if "unexpected extra argument" in error.message:
                error.message += "; put quotes around the whole query"
            raise


def _is_word(argument: str, with_value: set[str]) -> bool:
    """Whether this is a hyphen and a word, and not an option of one letter, alone or with its value."""
    if len(argument) < 2 or argument[0] != "-" or argument[1] == "-":
        return False
    if len(argument) == 2:
        return not argument[1].isascii() or argument[1].isdigit()
    return argument[:2] not in with_value or argument[2].isalpha()
