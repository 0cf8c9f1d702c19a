"""The version of nearfar, for those parts that ``nearfar`` itself names."""

__version__ = "0.1.0"
