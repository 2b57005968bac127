"""X's documented limits, and what the app uses of them."""

SEARCH_QUERY = 512
"""The longest query of recent search, in characters."""
STREAM_RULE = 1024
"""The longest rule of the filtered stream, in characters."""
PAGE_MOST = 100
PAGE_LEAST = 10
"""X's bounds for the posts of one page."""
REQUEST_WINDOW_S = 900
WINDOW_REQUESTS = 450
"""X's limit on searches in 15 minutes, of the app and so of all its sources together."""
PLANNED_REQUESTS = 360
"""What the regular polls may use of it; the rest is for paging through bursts and gaps."""
