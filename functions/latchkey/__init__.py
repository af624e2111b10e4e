"""What Latchkey's functions share: rules without boto3, and one thin module per outside system."""

import gc

# Objects made at import live as long as the process: collecting a hundred thousand of them takes a
# fifteenth of a cold start (docs/decisions/0041-garbage-while-starting.md). Every function imports this
# package before boto3.
gc.set_threshold(200_000)
