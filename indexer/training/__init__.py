"""What every training here has in common; the trainings themselves lie beside the models that they make.

In the order to read: `config`, `task` (what is trained), `recall` (of an image search meanwhile),
`passes` (the loop), `schedule`, `state` (a killed run carries on), `soup` (the mean of several runs),
`folder`, `curves`, `card`.
"""
