"""Freesound (freesound.org): searching it, and fetching previews and originals."""
