"""ImageBind: pictures, words and sounds in one space."""
