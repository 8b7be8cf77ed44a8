"""What is answered at each address, one kind of thing per file."""
