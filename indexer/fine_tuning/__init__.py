"""Fine-tunes the CNN on captions, under an image head that is thrown away.

In the order to read: `config`, `augmentation`, `task`, `train`.
"""
