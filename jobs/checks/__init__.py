"""The check: what is inspected, how findings are weighed, the verdict, and who fixes each cause."""
