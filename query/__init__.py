"""Pictures in: from a frame, words or a sound to ranked sounds."""
