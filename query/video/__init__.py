"""Pictures that ask: stills, and the frames of videos, numbered exactly."""

from query.video.frames import sampled
from query.video.pictures import VIDEO_EXTENSIONS, read_pictures, seconds
from query.video.reading import Facts, facts

__all__ = ["VIDEO_EXTENSIONS", "Facts", "facts", "read_pictures", "sampled", "seconds"]
