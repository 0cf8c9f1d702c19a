"""Which rows are trained on, validated on, tested."""
