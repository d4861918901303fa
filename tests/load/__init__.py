"""Many people at once: real sessions over Streamlit's socket, on the pages of a running server.

A program, not a test: `python -m tests.load --sessions 50 --seconds 60`.
"""
