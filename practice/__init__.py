"""The practice cloud: local imitations of Webex and Microsoft, and what plays with them."""
