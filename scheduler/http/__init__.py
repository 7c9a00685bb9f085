"""What the interfaces over HTTP share: bearer tokens, problem classes, the access audit, the signing keys."""
