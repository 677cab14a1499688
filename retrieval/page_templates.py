"""Templates of pages, which lie beside the code that fills them in. Reads a package's folder `templates`."""

import base64
import hashlib
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def open_templates(package: str) -> Environment:
    """Those of a package. Every text is escaped, and one that is missing is an error."""
    return Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def hash_source(text: str) -> str:
    """What names a style sheet or script, which lies in the page itself, to its Content-Security-Policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
