"""The tests: `unit` starts no process, `processes` and the folders beside it do."""
