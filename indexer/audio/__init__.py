"""Reading sound: decoding, resampling, windows, measurements, what a file says of itself."""
