"""Tests against servers and clients that are not part of this project.

The product and the practice cloud have to work with them.
"""
