"""Chaos test (``make chaos``): kills workers around every side effect of a setup.

Workers are killed before, inside and after each side effect, and the end state of the setup is
judged.
"""
