"""Building a library: sounds in, rows and vectors out. Interrupted at any moment, it goes on."""
