"""Who acts: accounts, credentials, and what each role may do."""
