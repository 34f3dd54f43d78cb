"""How well a library finds: questions with what is relevant to them, asked in several ways."""
