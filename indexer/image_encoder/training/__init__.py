"""Fine-tunes the CNN on captions. In the order to read: `config`, `augmentation`, `task`, `train`."""
