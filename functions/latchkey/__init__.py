"""What Latchkey's functions share: rules without boto3, and one thin module per outside system."""
