"""What a start, a reset and a claim cost in time and money, measured on this machine."""
