"""The source `slack`: messages of channels, over Socket Mode and from the history."""
