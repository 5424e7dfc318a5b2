"""Constraints on an analysis: protocols, the gate, plan comparison."""
