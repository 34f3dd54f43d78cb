"""`sonorize evaluate …`."""
