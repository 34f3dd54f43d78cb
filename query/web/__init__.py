"""The page in a browser: a thin layer over the calls that the command line makes."""
