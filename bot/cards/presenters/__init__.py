"""Cards of a run, a check or an incident, drawn from what is known of it."""
