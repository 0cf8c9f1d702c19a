"""What one stage does: from its specification to a folder with weights, curves, predictions."""
