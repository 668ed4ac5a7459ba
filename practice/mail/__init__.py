"""Mail side of the practice cloud.

It has SMTP submission, mail flow, message trace, Webex Connect and the contact center's agent.
"""
