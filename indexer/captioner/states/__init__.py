"""Inside the hidden state: what each unit does while captions are written.

In the order to read: `units` (how much each unit tells, and of what), `page` (one file to step through them).
"""

from indexer.captioner.states.page import require_unit, write_states

__all__ = ["require_unit", "write_states"]
