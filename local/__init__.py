"""The local cloud: the real template, deployed to an AWS emulator on the loopback interface."""
