"""How sure a hit is: what its probability means, how it is fitted, and how true it is.

Reading order: `agreement` (which sentences describe which photos, going by people's captions), `first_hits`,
`logistic`, `fitting` (validation split → a calibration), `reliability`, `study` (another split → the report).
"""
