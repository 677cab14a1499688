"""What every training here has in common; the trainings themselves lie beside the models that they make.

The CNN's own lies in `indexer.fine_tuning`: it needs the image head, which needs the CNN.

In the order to read: `config`, `task` (what is trained), `recall` (of an image search meanwhile),
`schedule`, `state` (a killed run carries on), `passes` (the loop), `soup` (the mean of several runs),
`curves`, `folder`, `card`.
"""
