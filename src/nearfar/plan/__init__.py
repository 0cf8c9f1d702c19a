"""Which stages a study has: arms × axes → stages, addressed by the hash of their specification."""
