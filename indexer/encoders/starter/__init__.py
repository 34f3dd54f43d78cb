"""The encoder that comes first: small, on a CPU, offline once its files are here."""
