"""What each trigger does: read, let the pure core decide, write. One file for each, and `conclude` and `steps` for what
they share.
"""
