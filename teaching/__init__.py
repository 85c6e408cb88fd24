"""The lecturer's side: marking submissions. See docs/teaching.md."""
