"""Check of a channel: inspections, weighing of findings, verdict, and who fixes each cause."""
