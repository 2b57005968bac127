"""The sources `x-search` and `x-stream`: recent search, the filtered stream and compliance."""
