"""Heads that are solved rather than trained."""
