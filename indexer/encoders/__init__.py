"""Models that put sounds, pictures and words into one space."""
