"""What Latchkey's functions share: rules without boto3, and one thin module per outside system."""

import gc

# Whatever a start makes stays, and looking for garbage among its hundred thousand objects takes a
# fifteenth of its time (docs/decisions/0041-garbage-while-starting.md). Every function imports this
# package before boto3.
gc.set_threshold(200_000)
