"""Access to a tenant or mailbox: an administrator's session, app-only tokens, the bot's own login."""
