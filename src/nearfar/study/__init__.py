"""What was asked: the study file, its profiles, axes and checks. No torch."""
