"""Who may come in and do what: accounts, passwords, second factors, sessions, roles."""
