"""Dose to circulating blood."""
