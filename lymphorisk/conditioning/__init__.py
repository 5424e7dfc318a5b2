"""The host's lymphocytes under conditioning: drugs and radiation in any order, counted to the infusion window."""
