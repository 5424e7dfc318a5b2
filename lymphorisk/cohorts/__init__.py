"""Many plans: found, keyed by what goes into them, analysed by workers, kept in a ledger, written as tables."""
