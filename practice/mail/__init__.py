"""Where mail goes: SMTP submission, mail flow, message trace, Webex Connect and the contact center's agent."""
