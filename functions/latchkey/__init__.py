"""What Latchkey's functions share: rules without boto3, and one thin module per outside system."""

import gc

# Whatever a start makes stays, and looking for garbage among it takes a tenth of the time
# (docs/decisions/0041-garbage-while-starting.md). Every function imports this package before boto3.
gc.set_threshold(20_000)
