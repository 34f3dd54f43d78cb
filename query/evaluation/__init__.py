"""The paper's experiments measured again, and a ruler for retrieval."""
