"""The command line `latchkey`: what an operator asks of a stack and of the account it is in."""
