"""nearfar compares ways of learning a representation, honestly, on your own data."""

__version__ = "0.1.0"
