"""What a user has set: read by the command line and the server, handed down as plain arguments."""
