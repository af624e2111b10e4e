"""What is wrong, and what mends it: plain functions over facts, without any call to the outside."""
