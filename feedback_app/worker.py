"""The Faust application of this process: `faust -A feedback_app worker` finds it here."""

import sys

from feedback_app.factory import create_app
from feedback_app.settings import ConfigurationError, load

try:
    app = create_app(load())
except ConfigurationError as error:
    print(f"Error: {error}", file=sys.stderr)
    raise SystemExit(2) from None
