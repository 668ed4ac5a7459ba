"""Webhook events: fetch what they are about, answer them once, retry them while Webex is away."""
