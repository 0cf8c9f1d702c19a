"""`nearfar init`: a study file for data of the user's own, from what the data look like."""
