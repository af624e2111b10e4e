"""A real Active Directory for the local cloud: a Samba domain controller, and the users in it."""
