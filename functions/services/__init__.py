"""The shell: what the app talks to. Clients and stores decide nothing; they turn calls into values and outcomes."""
