"""The simulated cohort: plans on varied bodies, patients drawn, held against published rates before training."""
