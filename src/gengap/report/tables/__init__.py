"""Tables of the reports, which every renderer prints."""
