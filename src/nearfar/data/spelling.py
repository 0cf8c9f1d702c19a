"""How names and categories are written, of whatever file or keyboard they come."""

import unicodedata


def composed(text: str) -> str:
    """Return a text with letters and their marks as one character, where there is one (NFC).

    Names and categories are compared so: a file may have them in one form, another file or what is
    typed in the other, and they look the same.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)
