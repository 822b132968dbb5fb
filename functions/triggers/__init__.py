"""What starts the app, one blueprint a file. Each decodes its binding, calls one workflow and lets errors out."""
