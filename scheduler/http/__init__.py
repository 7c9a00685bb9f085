"""What every HTTP interface needs and none owns: the server, the limits of a request, the errors of the database."""
