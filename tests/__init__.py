"""Tests: ``unit`` starts no process; ``processes`` and the folders next to it do."""
