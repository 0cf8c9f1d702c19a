"""Columns of any kind → one float32 matrix, by what the training rows of a split teach."""
