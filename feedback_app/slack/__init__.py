"""Slack's Web API: the client, what an answer means, and the workspace's channels."""
