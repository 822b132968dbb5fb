"""The doors: what wakes the app, one blueprint a file. Each decodes its binding, calls one flow and lets errors out."""
