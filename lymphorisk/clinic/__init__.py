"""Plans received, queued, gated, and their answers sent back: the service of a clinic and its store."""
