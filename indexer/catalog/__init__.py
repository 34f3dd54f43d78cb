"""The catalog: what is known of every sound. It is the truth; index files are a cache of it."""
