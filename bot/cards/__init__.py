"""Cards of a run in Webex: drawn, posted once, edited in place; and reminders."""
