"""Rows in memory as contiguous arrays: molecules, vectors, images."""
