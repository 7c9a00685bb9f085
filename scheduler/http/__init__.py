"""What the interfaces over HTTP share: server, limits of a request, bearer tokens, errors, the access audit."""
