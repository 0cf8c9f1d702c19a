"""The one training loop and its recipe."""
