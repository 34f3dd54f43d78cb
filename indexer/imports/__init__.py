"""Descriptions of sounds that another tool wrote, taken into the catalog."""
