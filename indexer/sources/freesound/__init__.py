"""Sounds of Freesound: searched by preset terms, kept with their licences, heard as previews."""
