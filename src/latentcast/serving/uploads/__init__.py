"""Uploaded files, read by a child process with limits of its own."""
