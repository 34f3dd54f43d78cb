"""What a picture shows, in words that a sound can be made from."""
