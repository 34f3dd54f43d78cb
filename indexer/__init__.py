"""Sounds in: from a file or a service to rows in a catalog and vectors in an index."""
