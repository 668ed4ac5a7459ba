"""Mail: SMTP login and sending, message traces, bounces, automatic replies, how mail flows."""
