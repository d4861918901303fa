"""The run store: directories, what they say of themselves, and which are finished."""
