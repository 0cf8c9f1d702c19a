"""The study files that come with nearfar."""
