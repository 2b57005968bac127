"""Slack's Web API: one client maker, one table of error words, one directory of channels.

Sources, receivers of alerts, the doctor and the commands all reach Slack through this package.
"""
