"""The emulator: MiniStack, patched where AWS behaves differently, behind a gateway with a mailbox."""

HOST = "127.0.0.1"
REGION = "us-east-1"
#: In the emulator's state directory: its process and its ports.
PROCESS_FILE = "emulator.json"
