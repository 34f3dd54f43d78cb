"""A video with its sound: what is chosen, how it is mixed, and how it opens in an editor."""
