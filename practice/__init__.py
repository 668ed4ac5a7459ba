"""The practice cloud: local imitations of Webex and Microsoft, and programs that play with them."""
