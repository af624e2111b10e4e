"""What the HTTP API takes and answers, and its pages."""
