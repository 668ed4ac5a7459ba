"""Mail side of the practice cloud.

It consists of SMTP submission, mail flow, message trace, Webex Connect and the contact center's
agent.
"""
