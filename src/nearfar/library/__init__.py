"""nearfar from Python: comparisons of data in memory, studies, and what came of them."""
