"""The email channel: the form people fill in, the mailbox, and its app registration."""
