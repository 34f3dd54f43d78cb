"""What was measured, so that it can be read, checked and measured again."""
