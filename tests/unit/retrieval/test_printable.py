import os

import pytest

from retrieval.printable import make_printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("/photos/a dog.jpg", "/photos/a dog.jpg"),
        ("Straße 猫 👩‍👩‍👧\u3000x", "Straße 猫 👩‍👩‍👧\u3000x"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x1b[31mred\x7f\x00", r"\x1b[31mred\x7f\x00"),
        (os.fsdecode(b"\xff\xfe.jpg"), r"\xff\xfe.jpg"),
        ("\ud800", r"\ud800"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("photo\u202egpj.exe", r"photo\u202egpj.exe"),
        ("photo\u061c1.jpg", r"photo\u061c1.jpg"),
    ],
)
def test_control_characters_are_escaped_and_nothing_else(text, expected):
    assert make_printable(text) == expected
    make_printable(text).encode()
