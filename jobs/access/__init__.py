"""Access to a tenant or mailbox: administrator's session, app-only tokens, the bot's own login."""
