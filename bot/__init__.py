"""The conversation in Webex: webhooks in, commands and card buttons, cards out."""
