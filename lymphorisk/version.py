"""What every room that makes a result stamps into it: the version, and what the program is not."""

__version__ = "0.2.0.dev0"
NOT_A_DEVICE = "Research and QA support, not a medical device."
