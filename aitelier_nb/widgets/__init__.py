"""What a cell shows and takes keys with; knows callbacks, no disk, no network."""
