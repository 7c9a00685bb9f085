"""What `make` runs: from a bare checkout to a running or tested one.

Standard library only where it runs before the virtual environment exists (setup and what it imports).
"""
