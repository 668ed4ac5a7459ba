"""The email channel: the form people fill in, its mailbox, and the search for one made by hand."""
