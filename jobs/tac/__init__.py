"""The support file for Cisco TAC."""
