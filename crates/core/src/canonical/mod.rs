//! The one form that every request, answer and stream takes between two dialects.
