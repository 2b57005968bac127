"""Whether sources, stages and channels are well, and telling people when they are not."""
