"""The profiles that a study can have, and what each is for. Loads no torch."""

PROFILES: dict[str, str] = {
    "full": "the published budget",
    "efficient": "the published question by recipes that need less arithmetic, on all data",
    "quick": "a first answer in minutes, with small budgets",
    "smoke": "whether it runs at all, in seconds",
}
"""Every profile, and what it is for."""
