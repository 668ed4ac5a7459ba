"""The card of a check's verdict, one module a section."""
