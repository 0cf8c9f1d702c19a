"""Who does what when: a study from its name to a run folder with results."""
