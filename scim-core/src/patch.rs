//! PATCH.
