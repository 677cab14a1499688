"""Why a query fails: where each right photo that did not come among the first was lost.

In the order to read: `words` (does a caption mention what a query asks for), `causes` (the four causes and
the rule that picks one), `misses` (every miss of a system, counted; the worst of them), `study` (the whole);
`strictness` (whether searches keep to -word and "phrase").
"""
