"""Sounds made from words, or from other sounds: made once, judged, written, and found like any."""
