"""Regimens before an infusion, laid out: text, page, JSON, figures."""
