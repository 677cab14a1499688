"""`retrieve serve` with the text encoder of the tests, which is there at once; takes its arguments."""

import sys

import retrieval.text.text_encoder
from retrieval.command.main import main
from tests.conftest import WordEncoder

retrieval.text.text_encoder.load_text_encoder = lambda *_: WordEncoder()
sys.argv[1:1] = ["serve"]
main()
