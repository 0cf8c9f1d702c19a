"""A study: its file, the plan of its stages, their execution, statistics and summary."""
