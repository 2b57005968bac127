"""Where alerts go: the protocol of a receiver (`base`), one package or file each, and the table."""
