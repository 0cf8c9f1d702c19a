"""What the records mean: estimates, comparisons, claims, the answer. No torch."""
