"""The watch: channels looked at again and again, their incidents, and the history of the looks."""
