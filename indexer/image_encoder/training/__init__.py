"""Fine-tunes the CNN's last blocks on captions. In the order to read: `config`, `task`, `train`."""
