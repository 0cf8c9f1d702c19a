"""Many small models trained in lockstep as one."""
