"""The event types in the metadata of the messages that this program posts."""

ALERT = "feedback_alert"
NOTICE = "feedback_notice"
SAY = "feedback_say"
"""Sample feedback of `feedback say`: a source accepts it although a bot posted it."""
PROBE = "feedback_doctor"
"""The test message of `feedback doctor --live`."""
