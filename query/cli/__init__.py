"""The commands of this package, and `sonorize` itself."""
