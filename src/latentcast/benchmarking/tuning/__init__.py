"""What `tune` is made of: the space that is searched, the study, and its page."""
